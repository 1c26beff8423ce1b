# The cluster: a database server, an underlay with three hypervisors, and their daemons.
# shellcheck shell=bash

nodes=(h1 h2 h3)

# in_namespace NAME COMMAND…: runs a command in a namespace of the run. By nsenter: `ip netns exec` would give it a
# mount namespace too, and hide from the others the namespaces that it makes.
in_namespace() { nsenter --net="/run/netns/$run-$1" "${@:2}"; }

# ctl ARGUMENT…: clusterctl, on a machine of its own in the underlay, from where its doorbells reach the workers.
ctl() { in_namespace ctl "$bin/clusterctl" "$@"; }

# make_namespace NAME: makes a namespace with the kernel's own settings, which are Debian's too.
make_namespace() {
    ip netns add "$run-$1"
    ip -n "$run-$1" link set dev lo up
}

# connect NAME ADDRESS: plugs a namespace into the underlay.
connect() {
    ip -n "$run-$1" link add name under0 type veth peer name "port-$1" netns "$run-under"
    ip -n "$run-under" link set dev "port-$1" master ubr up
    ip -n "$run-$1" addr add "$2/24" dev under0
    ip -n "$run-$1" link set dev under0 up
}

make_underlay() {
    local node
    make_namespace under
    # It is the switch: nothing in it speaks unasked, as IPv6 would, and a bridge that snoops asks around for listeners.
    in_namespace under sysctl -q -e -w net.ipv6.conf.{all,default}.disable_ipv6=1
    ip -n "$run-under" link add name ubr up type bridge mcast_snooping 0
    make_namespace ctl
    connect ctl 192.0.2.100
    for node in "${nodes[@]}"; do
        make_namespace "$node"
        connect "$node" "192.0.2.${node#h}"
    done
}

start_server() {
    local socket=$work/db.sock
    # A server removes all temporary tables in its tmpdir when it starts, also another server's: it gets its own.
    mkdir "$work/tmp"
    in_namespace ctl mariadb-install-db --no-defaults --user=root --auth-root-authentication-method=normal \
        --skip-test-db --datadir="$work/data" --tmpdir="$work/tmp" >"$work/log/mariadbd" 2>&1 ||
        fail 'mariadb-install-db failed'
    launch mariadbd "$run-ctl" mariadbd --no-defaults --user=root --skip-networking --socket="$socket" \
        --datadir="$work/data" --tmpdir="$work/tmp" --pid-file="$work/db.pid" --skip-log-bin --skip-name-resolve \
        --innodb-buffer-pool-size=64M --innodb-log-file-size=32M --innodb-flush-log-at-trx-commit=2
    await 20 'the database server answers' create_schema "$socket"
}

# Writes what all programs know of the database.
configure_database() {
    if [ "$galera_members" = no ]; then
        cat <<END
database:
    socket: "$work/db.sock"
    user: root
END
    else
        cat <<END
database:
    hosts: [192.0.2.101, 192.0.2.102, 192.0.2.103]
    user: root
    tls: {mode: disabled}
election: # as the operator guide has it for the times of galera.cnf
    lease: 8s
    fence: 6s
END
    fi
}

create_schema() {
    mariadb --no-defaults --socket="$1" --user=root -e 'CREATE DATABASE IF NOT EXISTS clusterops' 2>/dev/null
}

# Writes the configuration of a node.
configure_node() {
    mkdir "$work/$1"
    configure_database >"$work/$1.yaml"
    cat >>"$work/$1.yaml" <<END
node:
    name: $1
    underlay_address: 192.0.2.${1#h}
http: # three nodes share a machine and have no need of it
    queueworker: "off"
    netnode: "off"
network:
    state_directory: "$work/$1"
    namespace_prefix: "$run-$1-"
    # Repairs ask for the same tasks as the demo, which counts its own requests.
    maintenance_interval: 10m
tasks:
    instance_start:
        command: ["$here/demo.d/instance_start", "$work/guest", "$run"]
        timeout: 20s
        max_attempts: 3
    rest: # something that runs while a database server is lost
        command: [sleep, "6"]
END
}

# Whether every node has a live session of both daemons.
all_report() {
    ctl node list -o json | jq -e --argjson nodes ${#nodes[@]} \
        '[.items[].sessions[].daemon] | map(select(. == "netnode")) as $n | map(select(. == "queueworker")) as $q
            | ($n | length) == $nodes and ($q | length) == $nodes' >/dev/null
}

start_nodes() {
    local node
    for node in "${nodes[@]}"; do
        ctl node add "$node" --underlay "192.0.2.${node#h}" --role hypervisor --role network >/dev/null
        configure_node "$node"
        launch "queueworker-$node" "$run-$node" "$bin/queueworker" run --config "$work/$node.yaml"
        launch "netnode-$node" "$run-$node" "$bin/netnode" run --config "$work/$node.yaml"
    done
    await 10 'the daemons of all nodes report' all_report
}

# Whether nothing runs any more in the namespaces of a node's networks.
has_no_servers() {
    local name
    for name in $(namespaces_of "$run-$1"); do
        [ -z "$(ip netns pids "$name")" ] || return 1
    done
}

# Prints who is elected, or nothing.
leader() { ctl leader show -o json | jq -r '.holder // empty'; }

# Finds who is elected into REPLY; succeeds when there is one, and it is not the node that is given.
elected_other_than() {
    REPLY=$(leader)
    [ -n "$REPLY" ] && [ "$REPLY" != "$1" ]
}

# Instances: what the database wants of them, the operations that start them, and the guests that come of it.
# shellcheck shell=bash

declare -A vni=([blue]=100 [red]=200)
mtu=1450
cidr=10.9.0.0/24

declare -A host_of=() address_of=() interface_of=() # instance → node, address, interface

# add_interface INSTANCE NODE ADDRESS [OPTION…]: adds it to its network; instances are called NETWORK-NUMBER.
add_interface() {
    local network=${1%-*} number=${1#*-}
    host_of[$1]=$2
    address_of[$1]=$3
    interface_of[$1]=$(ctl interface add "$network" --node "$2" --mac "$(mac_of "$1")" --address "$3" --hostname "$1" \
        "${@:4}" -o json | jq -r .uuid)
}

# mac_of INSTANCE: a locally administered address, after its network and number.
mac_of() { printf '02:00:00:%02x:00:%02x\n' "${vni[${1%-*}]}" "${1#*-}"; }

# start_document INSTANCE: prints the operations that start it: what its network needs on its node and from its servers,
# and then the instance.
start_document() {
    jq -n --arg instance "$1" --arg network "${1%-*}" --arg node "${host_of[$1]}" \
        --arg interface "${interface_of[$1]}" --arg mac "$(mac_of "$1")" --argjson vni "${vni[${1%-*}]}" \
        --argjson mtu $mtu '
        {ref: "\($instance) mesh", tasks: ["network_ensure_mesh"], network: $network, node: $node},
        {ref: "\($instance) dnsmasq", tasks: ["network_apply_update_dnsmasq"], network: $network},
        {ref: "\($instance) start", tasks: ["instance_start"], network: $network, node: $node, interface: $interface,
            depends_on: ["\($instance) mesh", "\($instance) dnsmasq"],
            parameters: {guest: $instance, vni: $vni, mac: $mac, mtu: $mtu}}'
}

# start_instances INSTANCE…: submits one DAG for each, all at once, and waits until all operations have completed.
# Leaves their ids in `operations`, and in `submitted` the clock just before.
#
# At once means in one transaction. Six clusterctl that were let go at the same moment still committed over 30 to 120 ms
# on two cores, and netnode needs 60 ms for an update of dnsmasq: 1 to 4 executions, by chance.
start_instances() {
    local instance document=$work/start.json
    for instance; do start_document "$instance"; done | jq -s '{operations: .}' >"$document"
    clock
    submitted=$REPLY
    mapfile -t operations < <(ctl op submit "$document" -o json | jq -r '.items[].uuid')
    ((${#operations[@]} == 3 * $#)) || fail 'op submit failed'
    ctl op wait --timeout 20s "${operations[@]}" >/dev/null 2>&1 || fail "$(explain_operations)"
}

# Prints what became of those operations that did not complete.
explain_operations() {
    echo 'not all operations completed'
    ctl op list --limit 1000 -o json | jq -r '.items[] | select(.state != "complete")
        | "  \(.tasks | join(", ")) \(.network) \(.node // ""): \(.state), deferred \(.defer_count) times",
            (.error // empty | "    \(.message)", (.stderr_tail // empty | "    \(.)"))'
}

# Whether so many clusterctl run; each has nothing to do but wait for its document.
requesters_wait() {
    local process name count=0
    for process in $(ip netns pids "$run-ctl"); do
        read -r name 2>/dev/null <"/proc/$process/comm" && [ "$name" = clusterctl ] && count=$((count + 1))
    done
    ((count >= $1))
}

# last_lease INSTANCE…: finds into REPLY when the last of them got its first lease, in hundredths of a second.
last_lease() {
    local instance at last=0
    for instance; do
        at=$(awk '$2 == "bound" { sub(/\./, "", $1); print $1; exit }' "$work/guest/$instance/events")
        [ -n "$at" ] || fail "$instance has no lease"
        ((at <= last)) || last=$at
    done
    REPLY=$last
}

# event_count INSTANCE EVENT: prints how often a guest's DHCP client has seen it.
event_count() { grep -c " $2 " "$work/guest/$1/events" || true; }

# keep_client INSTANCE: runs a DHCP client in a guest that stays, as an operating system's would.
keep_client() {
    GUEST_DIRECTORY=$work/guest/$1 launch "udhcpc-$1" "$run-$1" \
        busybox udhcpc -i eth0 -f -t 10 -T 1 -O mtu -x "hostname:$1" -s "$here/demo.d/lease_event"
}

has_event() { (($(event_count "$1" "$2") > 0)); }

# Reads into `counts` what became of requests, task by task: {"TASK": {requested, executed, folded, deduplicated}}.
# Succeeds once all operations have ended and are counted: processes write their counts now and then, beside their work.
read_counts() {
    local listed
    listed=$(ctl op list --limit 1000 -o json) # before the counts, so that they cover it
    counts=$(ctl coalescing show -o json |
        jq -c '.items | map({key: .task, value: {requested, executed, folded, deduplicated}}) | from_entries')
    jq -e --argjson counts "$counts" '(.items | all(.finished_at)) and ([.items[].tasks[]] | group_by(.)
        | all(length <= ($counts[.[0]] // {} | .executed + .folded)))' <<<"$listed" >/dev/null
}

# subtract_counts BEFORE: leaves in `counts` what was counted since.
subtract_counts() {
    counts=$(jq -c --argjson before "$1" 'with_entries(.key as $task
        | .value |= with_entries(.value -= ($before[$task][.key] // 0)) | select(.value.requested > 0))' <<<"$counts")
}

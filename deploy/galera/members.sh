# The members of a Galera cluster on one machine: what their configurations are, and how they are started.
# shellcheck shell=bash

galera=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# Copying a member as root is refused by the scripts that do it.
member_user=nobody

# make_certificates DIRECTORY ADDRESS…: makes an authority, and for each address, counted from 1, a member's certificate
# and key, as the operator guide does.
make_certificates() {
    local address place=0
    mkdir "$1"
    (
        cd "$1" || exit
        openssl req -x509 -newkey rsa:3072 -nodes -days 30 -subj '/CN=members' -keyout ca.key -out ca.pem
        for address in "${@:2}"; do
            place=$((place + 1))
            openssl req -newkey rsa:3072 -nodes -subj "/CN=db$place" -addext "subjectAltName=DNS:db$place,IP:$address" \
                -keyout "db$place.key" -out "db$place.csr"
            openssl x509 -req -in "db$place.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copy \
                -days 30 -out "db$place.pem"
            chown "$member_user" "db$place.key"
        done
    ) 2>"$1/log"
}

# configure_member DIRECTORY PLACE ADDRESS…: writes the configuration of the member at a place, counted from 1, among
# the addresses of all, on top of what is shipped; the first gets an empty database. With `timing=default` it has
# Galera's own times; with `transfer=rsync` it is copied sooner, while its donor is locked; with `clocks=own` its clock
# can be set; with `certificates`, a directory that make_certificates has filled, all speak TLS.
configure_member() {
    local directory=$1 place=$2 options
    local -a addresses=("${@:3}")
    local address=${addresses[place - 1]}
    options=$(sed -n 's/^wsrep_provider_options = "\(.*\)"$/\1/p' "$galera/galera.cnf")
    [ "${timing:-shipped}" = shipped ] || options=${options%%;evs.*}
    options=${options/gcache.size=1G/gcache.size=32M}
    if [ -n "${certificates:-}" ]; then
        options+=";socket.ssl_ca=$certificates/ca.pem;socket.ssl_cert=$certificates/db$place.pem"
        options+=";socket.ssl_key=$certificates/db$place.key"
    fi
    mkdir "$directory" "$directory/data" "$directory/tmp"
    cat >"$directory/member.cnf" <<END
!include $galera/../mariadb/clusterops.cnf
!include $galera/galera.cnf
[mariadbd]
user = $member_user
datadir = $directory/data
tmpdir = $directory/tmp
socket = $directory/socket
pid_file = $directory/pid
log_error = $directory/log.err
bind_address = $address
wsrep_cluster_address = gcomm://$(IFS=, && echo "${addresses[*]}")
wsrep_node_name = db$place
wsrep_node_address = $address
wsrep_sst_method = ${transfer:-mariabackup}
wsrep_sst_auth = mariabackup:secret
# MariaDB 11.8 makes variables of the options otherwise, but none of the one by which a member is cut off.
loose_plugin_wsrep_provider = OFF
wsrep_provider_options = "$options;gmcast.listen_addr=tcp://$address:4567;ist.recv_addr=$address"
# One machine has the memory of one, and what a test writes need not outlive its power.
innodb_buffer_pool_size = 64M
innodb_log_file_size = 32M
innodb_flush_log_at_trx_commit = 2
max_connections = 300
END
    if [ -n "${certificates:-}" ]; then
        cat >>"$directory/member.cnf" <<END
# What galera.cnf has as comments, and what clients see.
ssl_ca = $certificates/ca.pem
ssl_cert = $certificates/db$place.pem
ssl_key = $certificates/db$place.key
[sst]
ssl_mode = VERIFY_IDENTITY
END
    fi
    [ "${clocks:-}" != own ] || echo +0 >"$directory/clock"
    chown -R "$member_user" "$directory"
    if ((place == 1)); then
        mariadb-install-db --defaults-file="$directory/member.cnf" --auth-root-authentication-method=normal \
            --skip-test-db >"$directory/install.log" 2>&1 ||
            fail "mariadb-install-db failed; see $directory/install.log"
    fi
}

# member_command DIRECTORY: leaves in `command` how a member is started, from where it stands, as Debian's unit does by
# galera_recovery. One with a file `clock` has the difference in it from this machine's clock (libfaketime).
member_command() {
    local position
    command=(mariadbd --defaults-file="$1/member.cnf")
    if [ -e "$1/data/grastate.dat" ] &&
        "${command[@]}" --wsrep-recover --log-error="$1/recovery.log" >/dev/null 2>&1; then
        position=$(sed -n 's/.*Recovered position: *//p' "$1/recovery.log" | tail -n 1)
        [ -z "$position" ] || command+=(--wsrep-start-position="$position")
    fi
    [ ! -e "$1/clock" ] || command=(env FAKETIME_TIMESTAMP_FILE="$1/clock" FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1
        FAKETIME_DONT_FAKE_MONOTONIC=1 LD_PRELOAD="$(echo /usr/lib/*/faketime/libfaketimeMT.so.1)" "${command[@]}")
}

# member_client DIRECTORY [OPTION…]: the server's own client, as its root.
member_client() { mariadb --no-defaults --socket="$1/socket" --user=root -BN --connect-timeout=2 "${@:2}"; }

# member_serves DIRECTORY SIZE: whether a member is ready and synced, one of so many.
member_serves() {
    local found
    found=$(member_client "$1" -e "SELECT GROUP_CONCAT(variable_value ORDER BY variable_name) FROM
        information_schema.global_status WHERE variable_name IN
        ('wsrep_cluster_size', 'wsrep_cluster_status', 'wsrep_local_state', 'wsrep_ready')" 2>/dev/null)
    [ "$found" = "$2,Primary,4,ON" ]
}

# open_members DIRECTORY: makes the schema and the user by whom members are copied, and lets root in from everywhere; to
# be called at the first member.
open_members() {
    # With skip_name_resolve, a root of this machine's name is nobody's, and cannot be dumped.
    member_client "$1" -e "CREATE DATABASE IF NOT EXISTS clusterops;
        DELETE FROM mysql.global_priv WHERE host NOT IN ('localhost', '%'); FLUSH PRIVILEGES;
        CREATE USER IF NOT EXISTS mariabackup@localhost IDENTIFIED BY 'secret';
        GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR ON *.* TO mariabackup@localhost;
        CREATE USER IF NOT EXISTS root@'%'; GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION" 2>/dev/null
}

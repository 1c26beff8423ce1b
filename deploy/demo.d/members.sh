# The database as a Galera cluster of three, each member on a machine of its own in the underlay.
# shellcheck shell=bash

# Copied by rsync: seconds sooner, and nobody writes meanwhile.
transfer=rsync

launch_member() { # launch_member MEMBER [OPTION…]
    local -a command
    member_command "$work/$1"
    launch "mariadbd-$1" "$run-$1" "${command[@]}" "${@:2}"
}

start_members() {
    local place
    local -a addresses=(192.0.2.10{1..3})
    for place in 1 2 3; do
        make_namespace "db$place"
        connect "db$place" "${addresses[place - 1]}"
        configure_member "$work/db$place" "$place" "${addresses[@]}"
    done
    launch_member db1 --wsrep-new-cluster
    await 20 'db1 serves' member_serves "$work/db1" 1
    open_members "$work/db1"
    for place in 2 3; do
        launch_member "db$place"
        await 60 "db$place is synced" member_serves "$work/db$place" "$place"
    done
    passed 'a Galera cluster of three'
}

# Prints the live sessions of daemons, a line each: node, daemon, session and server.
sessions() {
    ctl node list -o json | jq -r '.items[] | .name as $node
        | .sessions[] | [$node, .daemon, .session, .server] | @tsv' | sort
}

all_use() { [ "$(sessions | cut -f 4 | sort -u)" = "$1" ]; }

runs() { [ "$(ctl op show "$1" -o json | jq -r .state)" = executing ]; }

# Kills the server that all programs use; then brings it back.
lose_writer() {
    local before leader_before running killed state instance
    step 'killing the database server that all programs use' mariadbd-db{1,2,3} {netnode,queueworker}-{h1,h2,h3}
    all_use db1 || fail "not all use db1: $(sessions)"
    before=$(sessions | cut -f 1-3)
    leader_before=$(ctl leader show -o json | jq -c '[.holder, .term]')
    running=$(ctl op enqueue rest -o json | jq -r .uuid)
    await 5 'a command runs' runs "$running"
    clock
    killed=$REPLY
    kill -KILL "${daemon[mariadbd-db1]}"
    ctl op enqueue noop --wait --timeout 30s >/dev/null 2>&1 || fail 'an operation did not complete'
    clock
    time_figure 'an operation from call to end, from the kill of db1' $((REPLY - killed)) $writer_limit
    state=$(ctl op wait "$running" --timeout 30s -o json | jq -r '.items[0].state')
    state+=" after $(ctl op show "$running" -o json | jq -r .deliveries) delivery"
    [ "$state" = 'complete after 1 delivery' ] || fail "the command that ran at the kill: $state"
    passed "the command that ran at the kill: $state"
    await 10 'all use db2' all_use db2
    [ "$(sessions | cut -f 1-3)" = "$before" ] || fail "sessions were lost: $before, and now $(sessions)"
    passed "$(wc -l <<<"$before") of $(wc -l <<<"$before") sessions are kept, and all use db2"
    [ "$(ctl leader show -o json | jq -c '[.holder, .term]')" = "$leader_before" ] ||
        fail "the leader was $leader_before and is now $(leader)"
    passed "the leader is kept: $leader_before"
    for instance in "${blue[@]}"; do : >"$work/guest/$instance/events"; done
    for instance in "${blue[@]}"; do kill -USR1 "${daemon[udhcpc-$instance]}"; done
    for instance in "${blue[@]}"; do await 5 "$instance renews its lease" has_event "$instance" renew; done
    passed "${#blue[@]} of ${#blue[@]} guests renewed their leases"

    step 'bringing it back' mariadbd-db{1,2,3}
    launch_member db1
    await 60 'db1 is synced' member_serves "$work/db1" 3
    await 40 'all use db1 again' all_use db1
    [ "$(sessions | cut -f 1-3)" = "$before" ] || fail "sessions were lost: $before, and now $(sessions)"
    passed 'all use db1 again, with the same sessions'
}

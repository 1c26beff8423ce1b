# One run of the demo: what its things are called, and how all of them go.
#
# A run is called codemo-PID, after the shell that made it. Every process that it starts lives in a network namespace
# whose name begins with that, so the names alone tell what belongs to a run, also when its shell was killed.
# shellcheck shell=bash

# Where the work directory may lie; a database in memory starts in a second on any machine.
run_places=(/dev/shm /tmp)
# The database is some 150 MiB.
run_needs_kib=$((512 * 1024))
# netnode and queueworker drain at SIGTERM; in the demo nothing runs for longer.
drain_seconds=5

run=codemo-$$
work=

declare -A daemon=() # name → process

# namespaces_of RUN: prints the namespaces of a run; never one whose name is not wholly ours.
namespaces_of() {
    local path name
    for path in "/run/netns/$1-"*; do
        name=${path##*/}
        [[ $name =~ ^codemo-[0-9]+-(under|ctl|db[123]|h[0-9]+(-[0-9]+)?|(blue|red)-[0-9]+)$ ]] && echo "$name"
    done
    return 0
}

# processes_of RUN: prints the processes of a run.
processes_of() {
    local name
    for name in $(namespaces_of "$1"); do
        ip netns pids "$name" 2>/dev/null # a name that was never mounted has none
    done
    return 0
}

# Makes the work directory.
make_work_directory() {
    local place free
    for place in "${run_places[@]}"; do
        free=$(df --output=avail "$place" 2>/dev/null | tail -n 1)
        ((${free:-0} >= run_needs_kib)) || continue
        mkdir "$place/$run" # its mode lets dnsmasq, which is not root, read its files
        work=$place/$run
        mkdir "$work"/{log,guest}
        return
    done
    fail "neither of ${run_places[*]} has $((run_needs_kib / 1024)) MiB free"
}

# launch NAME NAMESPACE COMMAND…: starts a daemon of the run in a session of its own, out of the reach of Ctrl-C.
launch() {
    setsid nsenter --net="/run/netns/$2" "${@:3}" </dev/null >>"$work/log/$1" 2>&1 &
    daemon[$1]=$!
    disown # its end is our business, not that of bash's messages
}

# Lets queueworkers and netnodes end as they should; who has not in time is killed with the rest. The database server
# stays until they have ended: they write to it what they finish.
drain() {
    local name deadline
    local -a processes=()
    for name in "${!daemon[@]}"; do
        [[ $name != queueworker-* && $name != netnode-* ]] || processes+=("${daemon[$name]}")
    done
    ((${#processes[@]})) || return 0
    kill -TERM "${processes[@]}" 2>/dev/null
    clock
    deadline=$((REPLY + drain_seconds * 100))
    while kill -0 "${processes[@]}" 2>/dev/null; do # succeeds as long as there is one of them
        clock
        ((REPLY < deadline)) || return 0
        sleep 0.02
    done
}

# remove_run RUN: kills what a run started, and removes all that it made. Says and returns what it could not.
remove_run() {
    local name place processes deadline
    clock
    deadline=$((REPLY + 1000))
    # In rounds: a process that is killed may just have made another one, or a namespace.
    while [ -n "$(namespaces_of "$1")" ]; do
        processes=$(processes_of "$1")
        if [ -n "$processes" ]; then
            # shellcheck disable=SC2086 # a list of numbers
            kill -KILL $processes 2>/dev/null
        else
            for name in $(namespaces_of "$1"); do
                ip netns delete "$name" 2>/dev/null || rm -f "/run/netns/$name"
            done
        fi
        clock
        if ((REPLY >= deadline)); then
            echo "demo: could not remove $(namespaces_of "$1" | tr '\n' ' '), processes: ${processes//$'\n'/ }" >&2
            return 1
        fi
    done
    for place in "${run_places[@]}"; do
        rm -rf "${place:?}/$1" || return 1
    done
    # Where each netnode locked the prefix of its namespaces; nobody can hold a lock any more.
    rm -f "/run/clusterops/namespaces-$1-"*.lock
}

# is_running PID: whether this process is a demo; a number may have been given to another program since.
is_running() {
    local arguments
    arguments=$(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline") || return 1
    [[ $arguments == *demo* ]]
}

# is_kept RUN: whether --keep left it.
is_kept() {
    local place
    for place in "${run_places[@]}"; do
        [ ! -e "$place/$1/kept" ] || return 0
    done
    return 1
}

# Removes what runs have left that were killed.
sweep() {
    local path other
    local -a paths=(/run/netns/codemo-*)
    for path in "${run_places[@]}"; do paths+=("$path"/codemo-*); done
    for path in "${paths[@]}"; do
        [[ ${path##*/} =~ ^(codemo-([0-9]+))(-|$) ]] || continue
        other=${BASH_REMATCH[1]}
        if [ "$other" != "$run" ]; then
            is_running "${BASH_REMATCH[2]}" && continue
            is_kept "$other" && continue
        fi
        [ -e "$path" ] || continue # gone with its run
        note "removing what the killed run $other left behind"
        remove_run "$other" || fail "$other cannot be removed"
    done
}

# What the demo says while it runs: a line a step, with the time since it began, and what belongs to it below.
# shellcheck shell=bash

if [ -t 1 ]; then
    bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
    bold='' dim='' red='' green='' plain=''
fi

current_step='starting'
current_logs=() # the logs that tell why it failed
complained=

# Reads the monotonic clock into REPLY, in hundredths of a second; guests note their leases by the same clock.
clock() {
    local uptime
    read -r uptime _ </proc/uptime
    REPLY=${uptime/./}
}

clock
began=$REPLY

# seconds HUNDREDTHS: prints them as seconds.
seconds() { printf '%d.%02d' $(($1 / 100)) $(($1 % 100)); }

# step TEXT [LOG…]: begins a step. Should it fail, the ends of these logs in the work directory are shown.
step() {
    current_step=$1
    current_logs=("${@:2}")
    clock
    printf '%s[%6s s]%s %s\n' "$dim" "$(seconds $((REPLY - began)))" "$plain" "$current_step"
}

# note TEXT: something that belongs to the step.
note() { printf '           %s\n' "$*"; }

# passed TEXT: a check of the step that held.
passed() { printf '           %sok%s  %s\n' "$green" "$plain" "$*"; }

# complain TEXT: says what failed, unless something has been said already.
complain() {
    [ -z "$complained" ] || return 0
    complained=yes
    printf '%sdemo: failed while %s: %s%s\n' "$red" "$current_step" "$*" "$plain" >&2
}

# fail TEXT: ends the demo.
fail() {
    complain "$*"
    exit 1
}

# within NAME MEASURED LIMIT: checks a time; both are hundredths of a second.
within() {
    (($2 <= $3)) || fail "$1 took $(seconds "$2") s, and may take $(seconds "$3") s"
    passed "$1: $(seconds "$2") s (limit $(seconds "$3") s)"
}

# await SECONDS WHAT COMMAND…: polls until the command succeeds, and fails when it has not within the time.
await() {
    local deadline
    clock
    deadline=$((REPLY + $1 * 100))
    until "${@:3}"; do
        clock
        ((REPLY < deadline)) || fail "$2: not within $1 s"
        sleep 0.02
    done
}

# Shows the ends of the logs that belong to the step that failed.
show_logs() {
    local name file
    for name in "${current_logs[@]}"; do
        file=$work/log/$name
        [ -s "$file" ] || continue
        printf '%s--- the end of the log of %s%s\n' "$bold" "$name" "$plain"
        tail -n 12 "$file"
    done >&2
}

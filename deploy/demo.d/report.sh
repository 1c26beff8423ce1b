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
    printf '%s%s: failed while %s: %s%s\n' "$red" "${0##*/}" "$current_step" "$*" "$plain" >&2
}

# fail TEXT: ends the demo.
fail() {
    complain "$*"
    exit 1
}

figures=() # "what is measured<TAB>measured<TAB>limit"

# figure NAME MEASURED LIMIT: checks a figure, and keeps it for the summary.
figure() {
    (($2 <= $3)) || fail "$1: $2; the limit is $3"
    passed "$1: $2 (limit $3)"
    figures+=("$1"$'\t'"$2"$'\t'"$3")
}

# time_figure NAME MEASURED LIMIT: the same for a time; both are hundredths of a second.
time_figure() {
    local measured limit
    measured="$(seconds "$2") s" limit="$(seconds "$3") s"
    (($2 <= $3)) || fail "$1: $measured; the limit is $limit"
    passed "$1: $measured (limit $limit)"
    figures+=("$1"$'\t'"$measured"$'\t'"$limit")
}

# Prints all figures.
summarize() {
    local name measured limit row
    printf '\n%s%-50s %10s %10s%s\n' "$bold" 'figure' 'measured' 'limit' "$plain"
    for row in "${figures[@]}"; do
        IFS=$'\t' read -r name measured limit <<<"$row"
        printf '%-50s %10s %10s\n' "$name" "$measured" "$limit"
    done
    echo
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

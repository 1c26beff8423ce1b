# What must be true of the guests.
# shellcheck shell=bash

# check_addresses INSTANCE…: every guest has the address that the database says.
check_addresses() {
    local instance wanted found
    for instance; do
        wanted=$(ctl interface show "${interface_of[$instance]}" -o json | jq -r .address)
        found=$(ip -n "$run-$instance" -j -4 address show dev eth0 | jq -r '[.[].addr_info[].local] | join(" ")')
        [ "$found" = "$wanted" ] || fail "$instance should have $wanted and has '$found'"
    done
    passed "$# of $# guests have the address that the database says"
}

# Pings once, with the largest packet that the network carries.
ping_full() { in_namespace "$1" ping -n -q -c 1 -W 1 -M do -s $((mtu - 28)) "$2" >/dev/null 2>&1; }

# ping_others INSTANCE INSTANCE…: the first pings each of the others that lives on another node.
ping_others() {
    local other
    for other in "${@:2}"; do
        [ "${host_of[$1]}" = "${host_of[$other]}" ] || ping_full "$1" "${address_of[$other]}" || {
            echo "$1 on ${host_of[$1]} does not reach $other on ${host_of[$other]}"
            return 1
        }
    done
}

check_mesh() {
    local instance process message='' pairs=0 other
    local -a pings=()
    for instance; do
        for other; do [ "${host_of[$instance]}" = "${host_of[$other]}" ] || pairs=$((pairs + 1)); done
        ping_others "$instance" "$@" >"$work/log/ping-$instance" &
        pings+=($!)
    done
    for process in "${pings[@]}"; do wait "$process" || message=failed; done
    [ -z "$message" ] || fail "$(cat "$work"/log/ping-*)"
    passed "$pairs of $pairs pings over the mesh, guest to guest on another node, $mtu bytes each"
}

# Prints how many pings a guest was asked to answer.
pings_seen() {
    in_namespace "$1" awk '
        /^Icmp: In/ { for (i = 2; i <= NF; i++) if ($i == "InEchos") column = i; next }
        /^Icmp: / { print $column }' /proc/net/snmp
}

# check_isolation FROM TO TWIN: TWIN has the address of TO in another network, and FROM reaches TO only.
check_isolation() {
    local address=${address_of[$2]} before twin_before
    [ "$address" = "${address_of[$3]}" ] || fail "$2 and $3 should have the same address"
    # One that is deaf would prove nothing by its silence.
    ping_full "$3" "${cidr%.*}.1" || fail "$3 does not reach the server of its own network"
    before=$(pings_seen "$2") twin_before=$(pings_seen "$3")
    ping_full "$1" "$address" || fail "$1 does not reach $2"
    (($(pings_seen "$2") == before + 1)) || fail "the ping of $1 to $address was answered, but not by $2"
    (($(pings_seen "$3") == twin_before)) || fail "the ping of $1 to $address came out in the other network, at $3"
    passed "$1 reaches $2 at $address, and $3 at $address, in the other network, hears nothing of it"
}

# check_hypervisors INSTANCE: no hypervisor answers a guest that asks for its address in the underlay.
check_hypervisors() {
    local node
    # One that hears nobody would prove nothing.
    in_namespace "$1" busybox arping -q -f -c 3 -w 3 -I eth0 "${cidr%.*}.1" >/dev/null ||
        fail "$1 does not hear the gateway of its network"
    for node in "${nodes[@]}"; do
        ! in_namespace "$1" busybox arping -q -f -c 1 -w 1 -I eth0 "192.0.2.${node#h}" >/dev/null ||
            fail "$node answers $1 at its underlay address"
    done
    passed "${nodes[*]}: no hypervisor answers $1 at its underlay address"
}

# attack INSTANCE HOW [OPTION…]: sends what a hostile guest might send.
attack() { "$bin/guest-attack" "$2" --namespace "$run-$1" --mac "$(mac_of "$1")" "${@:3}"; }

# check_advertisement FROM INSTANCE…: neither a hypervisor nor a guest takes an IPv6 address or a route from FROM.
check_advertisement() {
    local name
    attack "$1" router-advertisement
    # What is sent after it arrives after it.
    ping_others "$@" || fail "$1 does not reach the others"
    for name in "${nodes[@]}" "${@:2}"; do
        [ -z "$(ip -n "$run-$name" -6 address show to 2001:db8:66::/64)$(ip -n "$run-$name" -6 route show default)" ] ||
            fail "$name has taken a router advertisement of $1"
    done
    passed "a router advertisement of $1 changes no hypervisor and no guest"
}

# Prints how many datagrams came to ports of a guest on which nobody listens.
strays_seen() {
    in_namespace "$1" awk '
        /^Udp: In/ { for (i = 2; i <= NF; i++) if ($i == "NoPorts") column = i; next }
        /^Udp: / { print $column }' /proc/net/snmp
}

# check_injection FROM TWIN: FROM brings no frame into the network of TWIN by the VXLAN port of a hypervisor of both.
check_injection() {
    local node=${host_of[$2]} before
    before=$(strays_seen "$2")
    attack "$1" tunnel --address "${address_of[$1]}" --node "192.0.2.${node#h}" --vni "${vni[${2%-*}]}" \
        --bridge "$(ip -n "$run-$node" -j link show dev "cobr${vni[${1%-*}]}" | jq -r '.[].address')" \
        --victim-mac "$(mac_of "$2")" --victim "${address_of[$2]}"
    ping_full "$2" "${cidr%.*}.1" || fail "$2 does not reach the server of its own network"
    (($(strays_seen "$2") == before)) || fail "$1 has brought a datagram into the network of $2"
    passed "a VXLAN datagram of $1 to $node brings nothing into the other network"
}

# check_stolen_gateway FROM INSTANCE…: the others reach their gateway while FROM sends from its hardware address.
check_stolen_gateway() {
    local gateway=${cidr%.*}.1 stolen attacking captured other
    ping_full "$1" "$gateway" || fail "$1 does not reach its gateway"
    stolen=$(ip -n "$run-$1" -j neigh show to "$gateway" | jq -r '.[].lladdr')
    attack "$1" stolen-address --address "${address_of[$1]}" --stolen "$stolen" >"$work/log/captured" &
    attacking=$!
    for other in "${@:2}"; do
        in_namespace "$other" ping -n -q -c 4 -i 0.2 -W 1 "$gateway" >"$work/log/gateway-$other" || true
        grep -q ' 0% packet loss' "$work/log/gateway-$other" ||
            fail "$other reaches its gateway no more while $1 sends from its address: $(cat "$work/log/gateway-$other")"
    done
    wait $attacking || fail 'guest-attack failed'
    captured=$(<"$work/log/captured")
    ((captured == 0)) || fail "$1 has captured $captured frames to the gateway of ${*:2}"
    passed "$1 sends from the gateway's hardware address, captures nothing, and ${*:2} reach the gateway"
}

# check_name FROM INSTANCE: a guest finds another by its name, at the server that its lease names.
check_name() {
    local name=$2.${2%-*}.test server answer
    server=$(awk '$1 == "nameserver" { print $2; exit }' "$work/guest/$1/resolv.conf")
    [ -n "$server" ] || fail "the lease of $1 names no DNS server"
    answer=$(in_namespace "$1" busybox nslookup -type=a "$name" "$server" 2>&1) ||
        fail "$1 cannot resolve $name: $answer"
    answer=$(awk '/^Name:/ { seen = 1 } seen && /^Address/ { print $NF }' <<<"$answer")
    [ "$answer" = "${address_of[$2]}" ] || fail "$1 resolves $name to '$answer', and it is ${address_of[$2]}"
    passed "$1 resolves $name to $answer"
}

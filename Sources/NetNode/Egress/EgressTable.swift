import ClusterModel

/// The rules of a network's egress, inside its namespace: table `ip conat`, as `nft -j` takes and shows them.
///
/// JSON and not nft's own language, because the kernel's rules are compared with it: nft prints another text than it
/// was given, and not the same in all versions.
package struct EgressTable: Sendable, Hashable {
    package static let name = "conat"

    /// The objects in the order in which they are made.
    package let objects: [JSONValue]

    /// The rules that go with what is wanted.
    ///
    /// - Parameters:
    ///   - wanted: of the network.
    ///   - excluded: floating addresses that are left out.
    package init(_ wanted: EgressWanted, without excluded: Set<IPv4Address> = []) {
        let floats = wanted.floats.filter { !excluded.contains($0.key) }.sorted { $0.key < $1.key }
            .map { (outside: "\($0.key)", inside: "\($0.value)") }
        let ports = Dictionary(wanted.ports.map { ("\($0.key)", $0.value) }) { first, _ in first }
        let destination = Rule.payload("ip", "daddr")
        let fromGuests = Rule.isFrom(NamespaceChange.gateway)
        let (fromOutside, toOutside) = (Rule.isFrom(EgressChange.device), Rule.isTo(EgressChange.device))
        let guests = Self.prefix(wanted.cidr.range)
        let underlay = wanted.refusals.underlay(beside: wanted.external)
        objects =
            [
                Self.object("table", name: Self.name),
                Self.map("to_inside", floats.map { ($0.outside, $0.inside) }),
                Self.map("to_outside", floats.map { ($0.inside, $0.outside) }),
                Self.pairs("floats", floats.map { [$0.outside, $0.inside] }),
                // There may be thousands of nodes.
                Self.addresses("underlay", underlay.filter(\.isOneAddress).map { "\($0.network)" }),
                Self.addresses("limited", floats.filter { ports[$0.outside] != nil }.map(\.inside)),
                Self.services(
                    "ports",
                    floats.flatMap { float in (ports[float.outside] ?? []).map { (float.inside, $0) } }
                ),
                Self.chain("prerouting", type: "nat", priority: -100),
                Self.chain("postrouting", type: "nat", priority: 100),
                Self.chain("forward", type: "filter", priority: 0),
                Self.chain("input", type: "filter", priority: 0),
            ]
            + Self.rules(
                "prerouting",
                // dnat to ip daddr map @to_inside
                [Rule.translate("dnat", by: "daddr", in: "@to_inside")]
            )
            + Self.rules(
                "postrouting",
                // oifname "ext0" snat to ip saddr map @to_outside
                [toOutside, Rule.translate("snat", by: "saddr", in: "@to_outside")],
                // oifname "ext0" ip saddr CIDR snat to ADDRESS
                [
                    toOutside, Rule.match("==", Rule.payload("ip", "saddr"), guests),
                    .object(["snat": .object(["addr": .string("\(wanted.address)")])]),
                ],
                // Without this, a guest would answer another guest from another address than that one has asked.
                // iifname "gw0" oifname "gw0" ct status dnat masquerade
                [
                    fromGuests, Rule.isTo(NamespaceChange.gateway), Rule.status("dnat"),
                    .object(["masquerade": .null]),
                ]
            )
            + Self.rules(
                "forward",
                // A packet that conntrack calls invalid is not translated, and would leave with a guest's own address:
                // ct state invalid drop
                [Rule.match("in", Rule.state, .string("invalid")), Rule.drop],
                // Packets of a connection whose translation is not wanted any more are dropped, whatever conntrack has:
                // ct status dnat ct original ip daddr . ct reply ip saddr != @floats drop
                [
                    Rule.status("dnat"),
                    Rule.match(
                        "!=",
                        Rule.concatenation(Rule.original("ip daddr"), Rule.reply("ip saddr")),
                        .string("@floats")
                    ), Rule.drop,
                ],
                // ct status snat ct reply ip daddr != ADDRESS … != SERVER … . ct original ip saddr != @floats drop
                [
                    Rule.status("snat"),
                    Rule.match("!=", Rule.reply("ip daddr"), .string("\(wanted.address)")),
                    Rule.match("!=", Rule.reply("ip daddr"), .string("\(wanted.cidr.serverAddress)")),
                    Rule.match(
                        "!=",
                        Rule.concatenation(Rule.reply("ip daddr"), Rule.original("ip saddr")),
                        .string("@floats")
                    ), Rule.drop,
                ],
                // Only the network's addresses go out:
                // oifname "ext0" ip saddr != CIDR drop
                [toOutside, Rule.match("!=", Rule.payload("ip", "saddr"), guests), Rule.drop],
            )
            // A rule for each range, for the reason of ``DeviceRules``:
            // oifname "ext0" ip daddr ALLOWED accept … UNDERLAY drop … EXTERNAL accept … SPECIAL drop
            + Self.leaving(to: wanted.refusals.allowed, Rule.accept)
            + Self.rules("forward", [toOutside, Rule.match("==", destination, .string("@underlay")), Rule.drop])
            + Self.leaving(to: underlay.filter { !$0.isOneAddress }, Rule.drop)
            + Self.leaving(to: [wanted.external.range], Rule.accept)
            + Self.leaving(to: EgressRefusals.specialPurpose, Rule.drop)
            + Self.rules(
                "forward",
                // Errors about a connection come whatever ports lead to the guest:
                // iifname "ext0" ct state related accept
                [fromOutside, Rule.match("in", Rule.state, .string("related")), Rule.accept],
                // Also of a connection that was made when the port led to the guest:
                // iifname "ext0" ct direction original ip daddr @limited
                //     ip daddr . meta l4proto . th dport != @ports drop
                [
                    fromOutside, Rule.match("==", Rule.direction, .string("original")),
                    Rule.match("==", destination, .string("@limited")),
                    Rule.match("!=", Rule.service, .string("@ports")), Rule.drop,
                ],
                // iifname "ext0" ct state established,related accept
                [fromOutside, Rule.isKnown, Rule.accept],
                // iifname "ext0" ct status dnat accept
                [fromOutside, Rule.status("dnat"), Rule.accept],
                // iifname "ext0" drop
                [fromOutside, Rule.drop]
            )
            // From outside, the namespace itself takes pings, and answers to its own requests.
            + Self.rules(
                "input",
                // iifname "ext0" ct state established,related accept
                [fromOutside, Rule.isKnown, Rule.accept],
                // iifname "ext0" icmp type echo-request accept
                [
                    fromOutside, Rule.match("==", Rule.payload("icmp", "type"), .string("echo-request")),
                    Rule.accept,
                ],
                // iifname "ext0" drop
                [fromOutside, Rule.drop]
            )
    }

    // MARK: What nft reads and shows

    /// The commands that replace the table in one transaction; established connections stay.
    package var commands: JSONValue {
        let table = objects[0]
        let commands = [Self.command("add", table), Self.command("delete", table)]
        return .object(["nftables": .array(commands + objects.map { Self.command("add", $0) })])
    }

    /// Returns whether a listing shows this very table.
    ///
    /// An additional field, such as a handle, is no difference; an additional rule or element is one.
    package func isShown(by listing: [JSONValue]) -> Bool {
        let shown = listing.filter { object in
            if case .object(let fields) = object { fields["metainfo"] == nil } else { true }
        }
        // By kind: nft shows sets before chains, and each kind in the order in which it was made.
        return Self.kinds.allSatisfy { kind in
            let (wanted, found) = (Self.all(kind, in: objects), Self.all(kind, in: shown))
            return wanted.count == found.count && zip(wanted, found).allSatisfy { Self.covers($0, $1) }
        } && shown.count == objects.count
    }

    /// The floating addresses that a listing's table translates, with the guests they lead to.
    static func floats(in listing: [JSONValue]) -> [IPv4Address: IPv4Address] {
        for case .object(let map) in all("map", in: listing) where map["name"] == .string("to_inside") {
            guard case .array(let elements)? = map["elem"] else { return [:] }
            let pairs = elements.compactMap { element -> (IPv4Address, IPv4Address)? in
                guard case .array(let pair) = element, pair.count == 2, case .string(let outside) = pair[0],
                    case .string(let inside) = pair[1], let outside = try? IPv4Address(outside),
                    let inside = try? IPv4Address(inside)
                else { return nil }
                return (outside, inside)
            }
            return Dictionary(pairs) { first, _ in first }
        }
        return [:]
    }

    private static let kinds = ["table", "map", "set", "chain", "rule"]

    private static func all(_ kind: String, in objects: [JSONValue]) -> [JSONValue] {
        objects.compactMap { object in
            if case .object(let fields) = object { fields[kind] } else { nil }
        }
    }

    private static func covers(_ wanted: JSONValue, _ found: JSONValue) -> Bool {
        switch (wanted, found) {
        case (.object(let wanted), .object(let found)):
            // The order of elements does not matter, and nft shows no key where there are none.
            guard wanted.allSatisfy({ key, value in key == "elem" || found[key].map { covers(value, $0) } ?? false })
            else { return false }
            return elements(wanted["elem"]) == elements(found["elem"])
        case (.array(let wanted), .array(let found)):
            return wanted.count == found.count && zip(wanted, found).allSatisfy { covers($0, $1) }
        default: return wanted == found
        }
    }

    private static func elements(_ value: JSONValue?) -> Set<JSONValue> {
        if case .array(let elements)? = value { Set(elements) } else { [] }
    }
}

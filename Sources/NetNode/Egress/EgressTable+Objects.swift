import ClusterModel

extension EgressTable {
    static func command(_ verb: String, _ object: JSONValue) -> JSONValue { .object([verb: object]) }

    static func object(_ kind: String, name: String, _ more: [String: JSONValue] = [:]) -> JSONValue {
        var fields: [String: JSONValue] = ["family": .string("ip"), "name": .string(name)]
        if kind != "table" { fields["table"] = .string(Self.name) }
        return .object([kind: .object(fields.merging(more) { _, new in new })])
    }

    /// From address to address.
    static func map(_ name: String, _ elements: [(String, String)]) -> JSONValue {
        let address = JSONValue.string("ipv4_addr")
        return object(
            "map",
            name: name,
            filled(["type": address, "map": address], elements.map { .array([.string($0.0), .string($0.1)]) })
        )
    }

    /// Pairs of addresses.
    static func pairs(_ name: String, _ elements: [[String]]) -> JSONValue {
        let type = JSONValue.array([.string("ipv4_addr"), .string("ipv4_addr")])
        return object(
            "set",
            name: name,
            filled(["type": type], elements.map { .object(["concat": .array($0.map { .string($0) })]) })
        )
    }

    static func addresses(_ name: String, _ elements: [String]) -> JSONValue {
        object("set", name: name, filled(["type": .string("ipv4_addr")], elements.map { .string($0) }))
    }

    /// Rules about what leaves for a range.
    static func leaving(to ranges: [IPv4CIDR], _ verdict: JSONValue) -> [JSONValue] {
        ranges.flatMap { range in
            rules(
                "forward",
                [
                    Rule.isTo(EgressChange.device), Rule.match("==", Rule.payload("ip", "daddr"), prefix(range)),
                    verdict,
                ]
            )
        }
    }

    /// A range as nft shows it, which is an address alone where it is that of one.
    static func prefix(_ range: IPv4CIDR) -> JSONValue {
        guard !range.isOneAddress else { return .string("\(range.network)") }
        return .object([
            "prefix": .object(["addr": .string("\(range.network)"), "len": .integer(Int64(range.prefixLength))])
        ])
    }

    /// Ports of addresses.
    static func services(_ name: String, _ elements: [(address: String, port: FloatingPort)]) -> JSONValue {
        let type = JSONValue.array([.string("ipv4_addr"), .string("inet_proto"), .string("inet_service")])
        let services = elements.map { address, port -> JSONValue in
            .object([
                "concat": .array([
                    .string(address), .string(port.transport.rawValue), .integer(Int64(port.number)),
                ])
            ])
        }
        return object("set", name: name, filled(["type": type], services))
    }

    private static func filled(_ fields: [String: JSONValue], _ elements: [JSONValue]) -> [String: JSONValue] {
        elements.isEmpty ? fields : fields.merging(["elem": .array(elements)]) { _, new in new }
    }

    static func chain(_ hook: String, type: String, priority: Int64) -> JSONValue {
        object(
            "chain",
            name: hook,
            [
                "type": .string(type), "hook": .string(hook), "prio": .integer(priority), "policy": .string("accept"),
            ]
        )
    }

    static func rules(_ chain: String, _ rules: [JSONValue]...) -> [JSONValue] {
        rules.map { expressions in
            .object([
                "rule": .object([
                    "family": .string("ip"), "table": .string(name), "chain": .string(chain),
                    "expr": .array(expressions),
                ])
            ])
        }
    }

    /// The parts of rules.
    enum Rule {
        static let accept = JSONValue.object(["accept": .null])
        static let drop = JSONValue.object(["drop": .null])
        static let state = JSONValue.object(["ct": .object(["key": .string("state")])])
        static let direction = JSONValue.object(["ct": .object(["key": .string("direction")])])
        /// The destination with its port.
        static let service = concatenation(
            payload("ip", "daddr"),
            .object(["meta": .object(["key": .string("l4proto")])]),
            payload("th", "dport")
        )
        static let isKnown = match(
            "in",
            state,
            .array([.string("established"), .string("related")])
        )

        static func match(_ operation: String, _ left: JSONValue, _ right: JSONValue) -> JSONValue {
            .object(["match": .object(["op": .string(operation), "left": left, "right": right])])
        }

        static func isFrom(_ device: String) -> JSONValue { isOf("iifname", device) }
        static func isTo(_ device: String) -> JSONValue { isOf("oifname", device) }

        private static func isOf(_ key: String, _ device: String) -> JSONValue {
            match("==", .object(["meta": .object(["key": .string(key)])]), .string(device))
        }

        static func payload(_ header: String, _ field: String) -> JSONValue {
            .object(["payload": .object(["protocol": .string(header), "field": .string(field)])])
        }

        /// A bit of the connection's status is set; `!=` would be true for every connection that has another one too.
        static func status(_ bit: String) -> JSONValue {
            match("in", .object(["ct": .object(["key": .string("status")])]), .string(bit))
        }

        static func original(_ key: String) -> JSONValue { connection(key, "original") }
        static func reply(_ key: String) -> JSONValue { connection(key, "reply") }

        private static func connection(_ key: String, _ direction: String) -> JSONValue {
            .object(["ct": .object(["key": .string(key), "dir": .string(direction)])])
        }

        static func concatenation(_ parts: JSONValue...) -> JSONValue { .object(["concat": .array(parts)]) }

        static func translate(_ kind: String, by field: String, in map: String) -> JSONValue {
            let looked = JSONValue.object(["key": payload("ip", field), "data": .string(map)])
            return .object([kind: .object(["addr": .object(["map": looked])])])
        }
    }
}

import CNetlink

/// The tables of nftables, of the bridge family, that go with the ports of guests.
package enum BridgeTableName: String, Sendable, Hashable, CaseIterable {
    /// The frames that may pass a port.
    case ports = "coports"
    /// The bounds on what bridges learn.
    case sources = "cosources"
}

/// A table as the kernel has it.
struct BridgeTable: Sendable, Hashable {
    /// The number of the last transaction on the rules of its namespace, read before the rest.
    let generation: UInt32
    /// The chains, rules and elements, equal when they are the same in the same order: without the numbers that they
    /// are given each time they are made.
    let contents: [UInt8]

    private static let bodyLength = 4
    private enum Attribute {
        /// Those of chains.
        static let (chainName, hook, policy): (UInt16, UInt16, UInt16) = (3, 4, 5)
        /// Those of rules.
        static let (chainOfRule, expressions): (UInt16, UInt16) = (2, 4)
        static let (table, elements): (UInt16, UInt16) = (1, 3)
        static let objectName: UInt16 = 2
        static let (objectData, bytes, packets): (UInt16, UInt16, UInt16) = (4, 1, 2)
    }

    /// Asks the kernel; its call blocks.
    ///
    /// - Parameters:
    ///   - name: of the table.
    ///   - sets: the sets and maps whose elements only we change; in the others the kernel keeps what it has seen.
    ///   - path: the file of the namespace; nil is the process's.
    /// - Throws: ``NetlinkError`` when one of the answers failed or is incomplete.
    init(_ name: BridgeTableName, sets: [String], in path: String?) throws(NetlinkError) {
        let asker = try KernelAsker(path, about: CNETLINK_RULES)
        generation = try asker.rulesGeneration()
        var contents: [UInt8] = []
        func append(_ payload: ArraySlice<UInt8>, _ wanted: [UInt16]) throws(NetlinkError) {
            let attributes = try NetlinkAttributes(payload.dropFirst(Self.bodyLength))
            guard attributes.text(Attribute.table) == name.rawValue else { return }
            for attribute in wanted { contents += attributes[attribute] ?? [] }
        }
        for chain in try asker.part(CNETLINK_TABLE_CHAINS, of: name.rawValue) ?? [] {
            try append(chain, [Attribute.chainName, Attribute.hook, Attribute.policy])
        }
        for rule in try asker.part(CNETLINK_TABLE_RULES, of: name.rawValue) ?? [] {
            try append(rule, [Attribute.chainOfRule, Attribute.expressions])
        }
        for set in sets {
            // In whatever order the kernel keeps them.
            var elements: [[UInt8]] = []
            for message in try asker.part(CNETLINK_TABLE_ELEMENTS, of: name.rawValue, set: set) ?? [] {
                let attributes = try NetlinkAttributes(message.dropFirst(Self.bodyLength))
                elements += try NetlinkAttributes.list(attributes[Attribute.elements] ?? []).map { Array($0) }
            }
            contents += Array(set.utf8)
            for element in elements.sorted(by: { $0.lexicographicallyPrecedes($1) }) { contents += element }
        }
        self.contents = contents
    }

    /// Asks the kernel for the counters of a table, by name; its call blocks.
    ///
    /// - Throws: ``NetlinkError`` when the answer failed or is incomplete.
    static func counters(
        of name: BridgeTableName,
        in path: String?
    ) throws(NetlinkError) -> [String: TrafficCount] {
        let asker = try KernelAsker(path, about: CNETLINK_RULES)
        var counters: [String: TrafficCount] = [:]
        for object in try asker.part(CNETLINK_TABLE_COUNTERS, of: name.rawValue) ?? [] {
            let attributes = try NetlinkAttributes(object.dropFirst(bodyLength))
            guard let name = attributes.text(Attribute.objectName),
                let data = try attributes.nested(Attribute.objectData),
                let packets = data.number(Attribute.packets, UInt64.self),
                let bytes = data.number(Attribute.bytes, UInt64.self)
            else { continue }
            // Numbers of nftables are in the order of the network.
            counters[name] = TrafficCount(packets: UInt64(bigEndian: packets), bytes: UInt64(bigEndian: bytes))
        }
        return counters
    }
}

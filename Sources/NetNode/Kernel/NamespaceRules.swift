/// The nftables rules of a namespace, as far as they are compared.
struct NamespaceRules: Sendable, Hashable {
    /// The number of the last transaction: whoever changes rules raises it.
    let generation: UInt32
    /// The rules of ``InsideName/gateTable`` as the kernel reports them, equal when they are the same in the same
    /// order: without the numbers that they are given each time they are made.
    let gate: [UInt8]

    private static let bodyLength = 4
    private enum Attribute {
        static let (table, chain, expressions): (UInt16, UInt16, UInt16) = (1, 2, 4)
    }

    /// Reads a dump of all rules of a namespace; pure.
    ///
    /// - Parameters:
    ///   - generation: the number of the last transaction, read before the dump.
    ///   - rules: the messages.
    /// - Throws: ``NetlinkError`` for what is cut short.
    init(generation: UInt32, _ rules: [ArraySlice<UInt8>]) throws(NetlinkError) {
        var gate: [UInt8] = []
        for payload in rules {
            let attributes = try NetlinkAttributes(payload.dropFirst(Self.bodyLength))
            guard let family = payload.first, attributes.text(Attribute.table) == InsideName.gateTable else { continue }
            gate.append(family)
            gate += attributes[Attribute.chain] ?? []
            gate += attributes[Attribute.expressions] ?? []
        }
        (self.generation, self.gate) = (generation, gate)
    }
}

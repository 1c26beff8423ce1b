/// Finds, in the kernel's events of nftables transactions, those by which others changed the tables of the gate and of
/// guests' ports, and those that changed the rules inside a namespace; pure.
///
/// Our own transactions always replace the tables. A foreign one that does the same is not noticed here; it is found
/// when the rules are read.
package struct RuleEvents: Sendable {
    private enum Kind {
        static let subsystem: UInt16 = 10
        static let (newTable, deleteTable, newGeneration): (UInt16, UInt16, UInt16) = (0, 2, 15)
    }

    private static let bodyLength = 4
    private static let ipv4: UInt8 = 2
    /// The table's name has this number in messages of every kind.
    private static let table: UInt16 = 1

    private struct Table: Hashable {
        let family: GateTable.Family
        let name: String

        /// The change that it is when others have changed the table; nil when it is not ours.
        var change: HostChange? {
            switch (family, name) {
            case (_, GateTable.name): .rules
            case (.bridge, _) where BridgeTableName(rawValue: name) != nil: .portRules
            default: nil
            }
        }
    }

    /// The tables that the present transaction has touched, and those of them that it has made.
    private var (touched, made): (Set<Table>, Set<Table>) = ([], [])

    package init() {}

    /// Reads a datagram; the events of a transaction may come in several.
    ///
    /// - Returns: The changes that others have made by transactions that have ended.
    /// - Throws: ``NetlinkError`` for a malformed datagram; the present transaction is forgotten.
    package mutating func note(_ bytes: [UInt8]) throws(NetlinkError) -> Set<HostChange> {
        var changes: Set<HostChange> = []
        do throws(NetlinkError) {
            for message in try NetlinkMessage.all(in: bytes) { changes.formUnion(try note(message)) }
        } catch {
            forget()
            throw error
        }
        return changes
    }

    /// Returns whether a datagram of another namespace is about rules of ours there; our own changes count too.
    ///
    /// - Throws: ``NetlinkError`` for a malformed datagram.
    package static func concernNamespace(_ bytes: [UInt8]) throws(NetlinkError) -> Bool {
        for message in try NetlinkMessage.all(in: bytes) where message.type >> 8 == Kind.subsystem {
            let attributes = try NetlinkAttributes(message.payload.dropFirst(bodyLength))
            switch attributes.text(table) {
            case EgressTable.name where message.payload.first == ipv4: return true
            case InsideName.gateTable: return true
            default: continue
            }
        }
        return false
    }

    /// Forgets the present transaction: a part of it was lost.
    package mutating func forget() { (touched, made) = ([], []) }

    private mutating func note(_ message: NetlinkMessage) throws(NetlinkError) -> Set<HostChange> {
        guard message.type >> 8 == Kind.subsystem else { return [] }
        let kind = message.type & 0xff
        guard kind != Kind.newGeneration else {
            defer { forget() }
            return Set(touched.subtracting(made).compactMap(\.change))
        }
        let attributes = try NetlinkAttributes(message.payload.dropFirst(Self.bodyLength))
        guard let family = message.payload.first.flatMap(GateTable.Family.init(number:)),
            let name = attributes.text(Self.table), case let table = Table(family: family, name: name),
            table.change != nil
        else { return [] }
        touched.insert(table)
        if kind == Kind.newTable { made.insert(table) }
        if kind == Kind.deleteTable { made.remove(table) }
        return []
    }
}

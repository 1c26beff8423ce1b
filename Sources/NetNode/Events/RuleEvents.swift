/// Finds, in the kernel's events of nftables transactions, those by which others changed the gate's tables, and those that
/// changed the rules inside a namespace; pure.
///
/// Our own transactions always replace the tables. A foreign one that does the same is not noticed here; it is found when
/// the rules are read.
package struct RuleEvents: Sendable {
    private enum Kind {
        static let subsystem: UInt16 = 10
        static let (newTable, deleteTable, newGeneration): (UInt16, UInt16, UInt16) = (0, 2, 15)
    }

    private static let bodyLength = 4
    private static let ipv4: UInt8 = 2
    /// The table's name has this number in messages of every kind.
    private static let table: UInt16 = 1

    /// The tables that the present transaction has touched, and those of them that it has made.
    private var (touched, made): (Set<GateTable.Family>, Set<GateTable.Family>) = ([], [])

    package init() {}

    /// Reads a datagram; the events of a transaction may come in several.
    ///
    /// - Returns: Whether a foreign transaction has ended.
    /// - Throws: ``NetlinkError`` for a malformed datagram; the present transaction is forgotten.
    package mutating func note(_ bytes: [UInt8]) throws(NetlinkError) -> Bool {
        var isForeign = false
        do throws(NetlinkError) {
            for message in try NetlinkMessage.all(in: bytes) where try note(message) { isForeign = true }
        } catch {
            forget()
            throw error
        }
        return isForeign
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

    private mutating func note(_ message: NetlinkMessage) throws(NetlinkError) -> Bool {
        guard message.type >> 8 == Kind.subsystem else { return false }
        let kind = message.type & 0xff
        guard kind != Kind.newGeneration else {
            defer { forget() }
            return !touched.isSubset(of: made)
        }
        let attributes = try NetlinkAttributes(message.payload.dropFirst(Self.bodyLength))
        guard let family = message.payload.first.flatMap(GateTable.Family.init(number:)),
            attributes.text(Self.table) == GateTable.name
        else { return false }
        touched.insert(family)
        if kind == Kind.newTable { made.insert(family) }
        if kind == Kind.deleteTable { made.remove(family) }
        return false
    }
}

/// Tells, from the kernel's account of transactions, which of them were done to the gate's tables by others, and
/// which to the rules inside a namespace; pure.
///
/// What we do ourselves always makes the tables anew, in one transaction. Whoever does the same passes for us: those
/// are found by reading the rules.
package struct RuleEvents: Sendable {
    private enum Kind {
        static let subsystem: UInt16 = 10
        static let (newTable, deleteTable, newGeneration): (UInt16, UInt16, UInt16) = (0, 2, 15)
    }

    private static let bodyLength = 4
    private static let ipv4: UInt8 = 2
    /// The table's name has this number in messages of every kind.
    private static let table: UInt16 = 1

    /// The tables that the transaction that is under way has touched, and those of them that were made in it.
    private var (touched, made): (Set<GateTable.Family>, Set<GateTable.Family>) = ([], [])

    package init() {}

    /// Reads a datagram; the account of a transaction may go over several.
    ///
    /// - Returns: Whether a transaction has ended that others have made.
    /// - Throws: ``NetlinkError`` for what cannot be read; what was under way is forgotten.
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

    /// Returns whether a datagram of another namespace is about the table of a network's egress, whoever changed it.
    ///
    /// - Throws: ``NetlinkError`` for what cannot be read.
    package static func concernEgress(_ bytes: [UInt8]) throws(NetlinkError) -> Bool {
        for message in try NetlinkMessage.all(in: bytes) where message.type >> 8 == Kind.subsystem {
            let attributes = try NetlinkAttributes(message.payload.dropFirst(bodyLength))
            if message.payload.first == ipv4, attributes.text(table) == EgressTable.name { return true }
        }
        return false
    }

    /// Forgets what is under way: part of it was lost.
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

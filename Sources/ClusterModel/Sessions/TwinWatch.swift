/// Decides which other sessions of the same node and daemon belong to a process that lives.
///
/// Pure.
///
/// After a crash the predecessor's session stays undead for up to a lease, and nothing but its counter tells it from
/// that of a second process: only one whose counter rises is a twin.
package struct TwinWatch: Sendable {
    /// A session that is not marked dead.
    package struct Twin: Sendable, Hashable {
        package let session: SessionID
        package let pid: Int
        package let renewals: UInt64
        package let age: Duration

        package init(session: SessionID, pid: Int, renewals: UInt64, age: Duration) {
            self.session = session
            self.pid = pid
            self.renewals = renewals
            self.age = age
        }
    }

    private var seen: [SessionID: UInt64] = [:]
    private var told: Set<SessionID> = []

    /// A Boolean value that indicates whether there is any to be watched.
    package var isOver: Bool { seen.isEmpty }

    package init() {
    }

    /// Takes note of all other sessions, and returns those that have been renewed since they were first seen, each
    /// once.
    package mutating func observe(_ others: [Twin]) -> [Twin] {
        let living = others.filter { twin in
            guard let before = seen[twin.session], twin.renewals > before else { return false }
            return told.insert(twin.session).inserted
        }
        seen = Dictionary(others.map { ($0.session, seen[$0.session] ?? $0.renewals) }, uniquingKeysWith: { $1 })
        return living
    }
}

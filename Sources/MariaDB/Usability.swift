import Synchronization

/// A flag that says whether a connection may be lent again.
///
/// The pool asks at each lending and each return, and two changes of threads for each answer cost more than a
/// statement.
final class Usability: Sendable {
    private let hasEnded = Atomic(false)

    var isGiven: Bool { !hasEnded.load(ordering: .acquiring) }

    /// For good.
    func end() {
        hasEnded.store(true, ordering: .releasing)
    }
}

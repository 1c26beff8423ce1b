import Foundation
import Synchronization

/// The uses that a connection is lent for.
enum ConnectionUse: Int, Sendable, AtomicRepresentable {
    /// Statements that commit one by one.
    case statements
    /// Transactions, perhaps after some reads.
    case transactions
}

/// The facts of a connection that are known without waiting for its thread: that it may be lent again, its last use,
/// and where it leads.
///
/// The pool asks at each lending and each return, and two changes of threads for each answer cost more than a
/// statement.
final class Usability: Sendable {
    /// A finding of a connection about its server, and not only about itself.
    enum HostFailure: String, Sendable {
        case refuses = "it refuses statements"
        case hangs = "it does not answer in time"
    }

    private let hasEnded = Atomic(false)
    private let lastUse = Atomic(ConnectionUse.statements)
    private let position = Atomic(0)
    private let finding = Mutex<HostFailure?>(nil)
    /// Open as long as it is here.
    private let descriptor = Mutex<Int32?>(nil)

    var isGiven: Bool { !hasEnded.load(ordering: .acquiring) }

    /// The last use; the next one that is alike costs no change of the session.
    var use: ConnectionUse {
        get { lastUse.load(ordering: .acquiring) }
        set { lastUse.store(newValue, ordering: .releasing) }
    }

    /// The position of its host.
    var host: Int {
        get { position.load(ordering: .acquiring) }
        set { position.store(newValue, ordering: .releasing) }
    }

    /// The reason why no connection should lead to its host for a while.
    var failure: HostFailure? {
        get { finding.withLock { $0 } }
        set { finding.withLock { $0 = newValue } }
    }

    /// For good.
    func end() {
        hasEnded.store(true, ordering: .releasing)
    }

    // MARK: The socket

    /// Takes note of its socket, or, before that is closed, that there is none any more.
    func connected(by socket: Int32?) {
        descriptor.withLock { $0 = socket }
    }

    /// Ends the connection from outside: whoever waits for an answer has lost it at once.
    func cut() {
        end()
        descriptor.withLock { socket in
            if let socket { shutdown(socket, Int32(SHUT_RDWR)) }
        }
    }
}

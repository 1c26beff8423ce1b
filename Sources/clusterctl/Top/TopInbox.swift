import ClusterDaemon
import ClusterReports
import ClusterStore
import Synchronization

/// A mailbox for what has been read of the cluster, on its way to the thread that draws it; the newest replaces what
/// was not taken.
final class TopInbox: Sendable {
    /// The result of a read.
    enum Look: Sendable {
        case seen(ClusterActivity)
        case failed(String)
    }

    private let newest = Mutex<Look?>(nil)
    private let bell: WakePipe

    init() throws(Failure) {
        bell = try WakePipe()
    }

    /// Readable when there is something to take.
    var descriptor: Int32 { bell.descriptor }

    func put(_ look: Look) {
        newest.withLock { $0 = look }
        bell.ring()
    }

    func take() -> Look? {
        _ = bell.drain()
        return newest.withLock { look in
            defer { look = nil }
            return look
        }
    }
}

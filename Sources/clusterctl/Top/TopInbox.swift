import ClusterDaemon
import ClusterReports
import ClusterStore
import Synchronization

/// A mailbox for what comes from the database, on its way to the thread that draws it.
///
/// The newest look replaces one that was not taken. Of answers there is one at most, since one is asked for at a time.
final class TopInbox: Sendable {
    /// The result of a read.
    enum Look: Sendable {
        case seen(ClusterActivity)
        case failed(String)
    }

    private let newest = Mutex<(look: Look?, answer: TopAnswer?)>((nil, nil))
    private let bell: WakePipe

    init() throws(Failure) {
        bell = try WakePipe()
    }

    /// Readable when there is something to take.
    var descriptor: Int32 { bell.descriptor }

    func put(_ look: Look) {
        newest.withLock { $0.look = look }
        bell.ring()
    }

    func put(_ answer: TopAnswer) {
        newest.withLock { $0.answer = answer }
        bell.ring()
    }

    func take() -> (look: Look?, answer: TopAnswer?) {
        _ = bell.drain()
        return newest.withLock { newest in
            defer { newest = (nil, nil) }
            return newest
        }
    }
}

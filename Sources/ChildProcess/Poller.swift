import CSpawn
import Synchronization

/// The one thread that waits for all children: their ends (pidfds), their streams, the timers of their terminations.
///
/// Reactions run on the poller's thread, one at a time, and must not block. That makes everything that happens to one
/// child a sequence, without a lock held over it. The thread ends only with the process, so it needs no wake-up: the
/// kernel takes a new descriptor into a wait that is under way.
final class Poller: Sendable {
    /// The poller, or why there could be none.
    static let shared: Result<Poller, ChildProcessError> = Result { () throws(ChildProcessError) in
        do throws(Errno) {
            let poller = Poller(epoll: try Errno.check(cspawn_poll_create()))
            try DedicatedThread.start("co-poll") { poller.run() }
            return poller
        } catch {
            throw ChildProcessError(.resource, attempt: "cannot start the poller", errorNumber: error.number)
        }
    }

    enum AttemptDecision {
        /// Call again whenever the descriptor is ready.
        case goOn
        /// Forget and close the descriptor.
        case done
        /// The same, and then do this: for telling those who wait, who may count on it that all is closed.
        case doneThen(@Sendable () -> Void)
    }

    /// Names a watched descriptor.
    ///
    /// Never reused, so that an event that was already on its way when its descriptor was closed finds nothing.
    struct Watch: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    private struct Entry {
        let descriptor: Descriptor
        let react: @Sendable () -> AttemptDecision
    }

    private struct Entries {
        var table: [Watch: Entry] = [:]
        var last: UInt64 = 0
    }

    /// Events taken from the kernel in one call; more just wait for the next.
    private static let batch = 64

    private let epoll: Int32
    private let entries = Mutex(Entries())

    private init(epoll: Int32) {
        self.epoll = epoll
    }

    /// Calls `react` on the poller's thread whenever the descriptor can be read (or has failed), until it says that it
    /// is done.
    ///
    /// From here on the poller closes the descriptor, and nobody else does: a copy of it may still live for a moment
    /// in a child between fork and exec, and then the kernel would go on reporting a descriptor that was closed
    /// without having been taken out first.
    @discardableResult
    func watch(
        _ descriptor: Descriptor,
        _ react: @escaping @Sendable () -> AttemptDecision
    ) throws(Errno) -> Watch {
        let watch = entries.withLock { entries in
            entries.last += 1
            let watch = Watch(number: entries.last)
            entries.table[watch] = Entry(descriptor: descriptor, react: react)
            return watch
        }
        do throws(Errno) {
            try Errno.check(descriptor.use { cspawn_poll_add(epoll, $0, watch.number) })
        } catch {
            _ = entries.withLock { $0.table.removeValue(forKey: watch) }
            throw error
        }
        return watch
    }

    /// Forgets and closes the descriptor, if it still is watched.
    func remove(_ watch: Watch) {
        guard let entry = entries.withLock({ $0.table.removeValue(forKey: watch) }) else { return }
        _ = entry.descriptor.use { cspawn_poll_remove(epoll, $0) }
        entry.descriptor.close()
    }

    private func run() -> Never {
        var watches = [UInt64](repeating: 0, count: Self.batch)
        while true {
            // EINTR cannot happen (every signal is blocked here), and would only mean another turn.
            let count = Int(unsafe cspawn_poll_wait(epoll, &watches, Int32(Self.batch)))
            for number in watches.prefix(max(0, count)) {
                let watch = Watch(number: number)
                guard let entry = entries.withLock({ $0.table[watch] }) else { continue }
                switch entry.react() {
                case .goOn: break
                case .done: remove(watch)
                case .doneThen(let tell):
                    remove(watch)
                    tell()
                }
            }
        }
    }
}

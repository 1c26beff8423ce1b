import CSpawn
import Synchronization

/// The one thread on which every child of this process is started.
///
/// A parent-death signal fires when the *thread* that forked ends, not the process, and a thread of the cooperative
/// pool may end at any time. This one lives as long as the process. It is also where the blocking part of a start
/// happens (looking up the file, opening a namespace, copying page tables), and it never waits for a child.
final class SpawnThread: Sendable {
    /// The thread, or why there could be none.
    static let shared: Result<SpawnThread, ChildProcessError> = Result { () throws(ChildProcessError) in
        do throws(Errno) {
            let thread = SpawnThread(bell: try Errno.check(cspawn_bell()))
            try DedicatedThread.start("co-spawn") { thread.run() }
            return thread
        } catch {
            throw ChildProcessError(.resource, attempt: "cannot start the spawn thread", errorNumber: error.number)
        }
    }

    /// Never longer than there are callers: each waits for its own job, and the daemons bound how many they run at
    /// once.
    private let jobs = Mutex<[@Sendable () -> Void]>([])
    /// An eventfd, open for ever like the thread that blocks on it.
    private let bell: Int32

    private init(bell: Int32) {
        self.bell = bell
    }

    /// Runs `work` on the thread and returns what it returns.
    func perform<Value: Sendable>(
        _ work: @escaping @Sendable () throws(ChildProcessError) -> Value
    ) async throws(ChildProcessError) -> Value {
        let result: Result<Value, ChildProcessError> = await withCheckedContinuation { continuation in
            jobs.withLock { $0.append { continuation.resume(returning: Result(catching: work)) } }
            cspawn_bell_ring(bell)
        }
        return try result.get()
    }

    private func run() -> Never {
        while true {
            cspawn_bell_wait(bell)
            let batch = jobs.withLock { jobs in
                defer { jobs.removeAll(keepingCapacity: true) }
                return jobs
            }
            for job in batch { job() }
        }
    }
}

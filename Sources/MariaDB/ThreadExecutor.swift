import CMariaDB
import DequeModule
import Dispatch
import Foundation
import Synchronization

/// A serial executor that owns one thread, so that a blocking C call never occupies a thread of Swift's pool.
///
/// Jobs run in the order in which they arrive; task priorities are not honoured. The thread ends when the
/// executor is released. An actor that names it in `unownedExecutor` must hold it strongly; because every
/// pending job holds its actor, no job can outlive the thread.
final class ThreadExecutor: SerialExecutor {
    private let jobs: JobQueue

    /// Starts the thread.
    ///
    /// - Parameter name: Shown by `top -H` and debuggers; Linux keeps the first 15 bytes.
    init(name: String) {
        let jobs = JobQueue()
        self.jobs = jobs
        let thread = Thread {
            jobs.drain()
            // libmariadb keeps per-thread state, which leaks with each connection unless it is returned.
            mysql_thread_end()
        }
        thread.name = String(name.prefix(15))
        thread.start()
    }

    deinit {
        jobs.end()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        unsafe jobs.append(Job(job: UnownedJob(job), executor: asUnownedSerialExecutor()))
    }
}

/// A job with the executor that it runs on.
///
/// The job keeps its actor, and the actor its executor, alive until it ran.
@safe private struct Job: Sendable {
    let job: UnownedJob
    let executor: UnownedSerialExecutor

    func run() {
        unsafe job.runSynchronously(on: executor)
    }
}

/// The jobs that wait for a `ThreadExecutor`'s thread; the queue outlives the executor until the thread has seen the
/// end.
private final class JobQueue: Sendable {
    private struct State {
        var waiting: Deque<Job> = []
        var ended = false
    }

    private let state = Mutex(State())
    private let available = DispatchSemaphore(value: 0)

    func append(_ job: Job) {
        state.withLock { state in
            precondition(!state.ended, "a job arrived after its executor was released")
            state.waiting.append(job)
        }
        available.signal()
    }

    func end() {
        state.withLock { $0.ended = true }
        available.signal()
    }

    /// Runs jobs until `end()`; called once, by the thread.
    func drain() {
        while true {
            available.wait()
            guard let next = state.withLock({ $0.waiting.popFirst() }) else { return }
            next.run()
        }
    }
}

import CSpawn
import Glibc
import Synchronization

/// A long-lived child of this process, which dies with it.
///
/// - When this process ends, by `kill -9` too, the kernel kills the child at once (parent-death signal). It kills that
///   one process, and what the child forked only in a process namespace of its own
///   (``ChildSpecification/hasProcessNamespace``). It asks whether this process may signal the child: without CAP_KILL
///   none is started as another user. And a child that changes its own credentials, or execs a setuid program,
///   throws the signal away, so start it as its final user (``Credentials``).
/// - When the child ends, its process group is killed before the child is reaped, so that no helper of it (such as
///   dnsmasq's one process per TCP client, which holds port 53) outlives it. A helper that left the group does.
/// - Dropping the value does not end the child. It ends by itself, by ``terminate(grace:)``, or with this process.
public final class SupervisedChild: Sendable {
    /// The process id.
    ///
    /// Valid for signals only until the child has ended; so use ``signal(_:)``.
    public let pid: pid_t

    private struct Life {
        var reaped = false
        var graces: [Poller.Watch] = []
    }

    private let pidfd: Descriptor
    private let streams: ChildStreams
    private let poller: Poller
    private let life = Mutex(Life())
    private let ended = Promise<ChildExit>()

    private init(_ child: cspawn_child, streams: ChildStreams, poller: Poller) {
        self.pid = child.pid
        self.pidfd = Descriptor(owning: child.pidfd)
        self.streams = streams
        self.poller = poller
    }

    /// Starts a child and returns when its program runs (that is, when exec has succeeded).
    ///
    /// - Throws: ``ChildProcessError`` naming the executable and the step that failed; then no process is left.
    public static func start(_ specification: ChildSpecification) async throws(ChildProcessError) -> SupervisedChild {
        let poller = try Poller.shared.get()
        let (child, outcome) = try await SpawnThread.shared.get().perform { () throws(ChildProcessError) in
            try fork(specification, poller)
        }
        guard let failure = await outcome.value() else { return child }
        _ = await child.ended.value()
        throw ChildProcessError(failure, specification: specification)
    }

    /// Runs on the spawn thread.
    ///
    /// The promise brings the failure of a step before exec, or nil at exec.
    private static func fork(
        _ specification: ChildSpecification,
        _ poller: Poller
    ) throws(ChildProcessError) -> (SupervisedChild, Promise<cspawn_failure?>) {
        let launch = try Launch(specification)
        let started = try unsafe launch.start { request, child in unsafe cspawn_direct(request, child) }
        let child = SupervisedChild(started, streams: launch.streams, poller: poller)
        let failurePipe = Descriptor(owning: started.failure)
        let outcome = Promise<cspawn_failure?>()
        do {
            try child.streams.start(on: poller)
            try poller.watch(failurePipe) {
                var failure = cspawn_failure()
                let failed = failurePipe.use { unsafe cspawn_read_failure($0, &failure) }
                return .doneThen { [failure] in outcome.fulfil(failed ? failure : nil) }
            }
            try poller.watch(child.pidfd) { child.finish() }
        } catch {
            child.abandonStart()
            throw ChildProcessError(
                .resource,
                executable: specification.executable,
                attempt: "cannot watch it, so it was killed",
                errorNumber: error.number
            )
        }
        return (child, outcome)
    }

    /// Ends a child that the poller could not take.
    ///
    /// Waiting here is short: SIGKILL, and the child had hardly begun.
    private func abandonStart() {
        var exit = cspawn_exit()
        killGroup()
        _ = pidfd.use { unsafe cspawn_reap($0, true, &exit) }
        life.withLock { $0.reaped = true }
    }

    /// The way in which the child ended; waits for it, and stops waiting when the task is cancelled.
    ///
    /// Known at once, by the pidfd.
    public var exit: ChildExit {
        get async throws(CancellationError) { try await ended.valueUnlessCancelled() }
    }

    /// The way in which the child ended, nil while it runs.
    public var exitIfEnded: ChildExit? { ended.current }

    /// The part of the child's standard output that was collected so far.
    public var standardOutput: CollectedOutput { streams.standardOutput }

    /// The part of the child's standard error that was collected so far.
    public var standardError: CollectedOutput { streams.standardError }

    /// The number of bytes that the child has written to its standard error so far, as far as they were read.
    public var standardErrorCount: Int { streams.standardErrorCount }

    /// Sends a signal to the child alone, such as SIGHUP.
    ///
    /// Does nothing once it has ended.
    ///
    /// - Returns: Whether the child was there to get it.
    @discardableResult
    public func signal(_ number: Int32) -> Bool {
        life.withLock { life in !life.reaped && kill(pid, number) == 0 }
    }

    /// Ends the child: SIGTERM to its process group now, SIGKILL to the group when it has not ended after `grace`.
    ///
    /// Also works, and waits, in a cancelled task: ending children is what cancelled tasks do. May be called by several
    /// at once; the shortest grace counts.
    ///
    /// - Returns: How the child ended. By then it is reaped, and its process group is empty or dying.
    @discardableResult
    public func terminate(grace: Duration) async -> ChildExit {
        life.withLock { life in
            guard !life.reaped else { return }
            guard grace > .zero, let timer = try? Descriptor.timer(after: grace) else {
                // No grace was given; or no timer could be had, and a child that may live on is worse than a rude end.
                killGroup()
                return
            }
            kill(-pid, SIGTERM)
            // A stopped process takes SIGTERM only after this.
            kill(-pid, SIGCONT)
            let watch = try? poller.watch(timer) { [self] in
                self.life.withLock { if !$0.reaped { killGroup() } }
                return .done
            }
            guard let watch else { return killGroup() }
            life.graces.append(watch)
        }
        return await ended.value()
    }

    /// To be called before the child is reaped: until then its number, and its group's, cannot name anything else.
    private func killGroup() {
        kill(-pid, SIGKILL)
        // For the instant in which the child has not made its group yet.
        kill(pid, SIGKILL)
    }

    /// Runs on the poller when the child has ended.
    private func finish() -> Poller.AttemptDecision {
        var exit = cspawn_exit()
        let graces = life.withLock { life in
            killGroup()
            let error = pidfd.use { unsafe cspawn_reap($0, false, &exit) }
            precondition(
                error == 0,
                "child \(pid) was reaped elsewhere (errno \(error)): SIGCHLD ignored, or wait(-1)?"
            )
            life.reaped = true
            return life.graces
        }
        for grace in graces { poller.remove(grace) }
        streams.finish(on: poller)
        return .doneThen { [self, exit] in ended.fulfil(ChildExit(exit)) }
    }
}

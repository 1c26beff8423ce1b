import CSpawn
import Glibc
import Synchronization

/// Runs commands such that none of their processes outlives the right of this process to run them.
///
/// Between this process and each command stands a *keeper*, a tiny process that kills the command with everything it
/// started, setsid and double forks included, as soon as
/// - this process dies, however it dies;
/// - the lease passes without ``extendAll(until:)``: this process was stopped, starved or cut off;
/// - the timeout, a cancellation or ``killAll()`` demands it.
///
/// The keeper has a session of its own and takes no signal but SIGKILL and SIGSTOP. Descendants are found through
/// `/proc/PID/task/TID/children` (kernel option PROC_CHILDREN, on in Debian).
public final class CommandKeeper: Sendable {
    private struct State {
        var leaseUntil: ContinuousClock.Instant
        var last: UInt64 = 0
        var controls: [UInt64: Descriptor] = [:]

        /// An order that cannot be delivered needs no handling: either the keeper is gone, and its command with it;
        /// or it is stopped with hundreds of orders unread, and then its lease bounds what the lost one can cost.
        func order(_ kind: cspawn_order_kind, _ value: Int64) {
            for control in controls.values { _ = control.use { cspawn_order($0, kind, value) } }
        }
    }

    private let state: Mutex<State>

    /// Creates a keeper of commands under a lease.
    ///
    /// - Parameter leaseUntil: When commands are killed unless the lease is extended before. On `ContinuousClock`,
    ///   which is CLOCK_BOOTTIME on Linux and counts the time in suspend: a machine that wakes after the end of the
    ///   lease kills them at once, because others may be at their work by then. Timeouts are of CLOCK_MONOTONIC: they
    ///   count what a command could have used.
    public init(leaseUntil: ContinuousClock.Instant) {
        state = Mutex(State(leaseUntil: leaseUntil))
    }

    /// The number of commands that are running, being started or being ended.
    public var liveCount: Int { state.withLock { $0.controls.count } }

    /// Lets the running commands, and those to come, go on until `deadline`.
    ///
    /// Never shortens. Does not block.
    public func extendAll(until deadline: ContinuousClock.Instant) {
        state.withLock { state in
            guard deadline > state.leaseUntil else { return }
            state.leaseUntil = deadline
            state.order(CSPAWN_ORDER_EXTEND, deadline.nanosecondsSinceBoot)
        }
    }

    /// Kills every command, and starts no other until the lease is extended again.
    public func endLease() {
        state.withLock { state in
            state.leaseUntil = .now
            state.order(CSPAWN_ORDER_KILL, 0)
        }
    }

    /// Kills every command with all its processes, now.
    ///
    /// Does not wait: each ``run(_:timeout:grace:)`` returns when its processes are gone.
    public func killAll() {
        state.withLock { $0.order(CSPAWN_ORDER_KILL, 0) }
    }

    /// Runs a command to its end.
    ///
    /// Returns when the command has ended *and* none of its processes is left (see ``CommandResult/leftDescendants``
    /// for the exception): a grandchild that keeps the output pipes open is killed, not waited for. Cancelling the task
    /// terminates the command; what it had said until then is returned, not thrown away.
    ///
    /// - Parameters:
    ///   - specification: What to run.
    ///   - timeout: Time from this call on, after which the command's process group gets SIGTERM.
    ///   - grace: Time from that SIGTERM (also at a cancellation) to the SIGKILL of all its processes.
    ///   - started: Is given the command once it runs.
    /// - Returns: How it ended, who ended it, and what was kept of its output.
    /// - Throws: ``ChildProcessError`` when the program never ran, or its keeper was killed, or it cannot be killed;
    ///   `CancellationError` when the task was cancelled before the start.
    public func run(
        _ specification: ChildSpecification,
        timeout: Duration,
        grace: Duration = .seconds(5),
        started: @Sendable (StartedCommand) -> Void = { _ in }
    ) async throws -> CommandResult {
        let terminateAt = SuspendingClock.now.advanced(by: timeout)
        try Task.checkCancellation()
        let poller = try Poller.shared.get()
        let (daemonEnd, keeperEnd) = try Self.controlPair(for: specification)
        // Known before the start, so that no order given meanwhile is missed: it waits in the socket.
        let (number, leaseUntil) = try admit(daemonEnd, specification)
        defer { _ = state.withLock { $0.controls.removeValue(forKey: number) } }

        let terms = cspawn_terms(
            lease_until: leaseUntil.nanosecondsSinceBoot,
            terminate_at: terminateAt.monotonicNanoseconds,
            grace: grace.clampedNanoseconds
        )
        let command = try await SpawnThread.shared.get().perform { () throws(ChildProcessError) in
            // The keeper has its own copy after the fork; ours must close, or its death would not show.
            defer { keeperEnd.close() }
            return try KeptCommand.start(specification, terms, daemonEnd, keeperEnd, poller)
        }
        started(command.started)
        return try await withTaskCancellationHandler {
            try await command.result()
        } onCancel: {
            _ = daemonEnd.use { cspawn_order($0, CSPAWN_ORDER_TERMINATE, grace.clampedNanoseconds / 1_000_000) }
        }
    }

    private static func controlPair(
        for specification: ChildSpecification
    ) throws(ChildProcessError) -> (daemonEnd: Descriptor, keeperEnd: Descriptor) {
        var ends: [Int32] = [-1, -1]
        let error = unsafe cspawn_control_pair(&ends)
        guard error == 0 else {
            throw ChildProcessError(
                .resource,
                executable: specification.executable,
                attempt: "cannot create a control socket for its keeper",
                errorNumber: error
            )
        }
        return (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
    }

    private func admit(
        _ control: Descriptor,
        _ specification: ChildSpecification
    ) throws(ChildProcessError) -> (UInt64, ContinuousClock.Instant) {
        try state.withLock { state throws(ChildProcessError) in
            guard state.leaseUntil > .now else {
                throw ChildProcessError(
                    .leaseEnded,
                    executable: specification.executable,
                    attempt: "not started, because the lease of this process has ended"
                )
            }
            state.last += 1
            state.controls[state.last] = control
            return (state.last, state.leaseUntil)
        }
    }
}

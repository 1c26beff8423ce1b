import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import MariaDB
import ServiceLifecycle
import Synchronization

/// The one loop of a node that reconciles its networks: operations, kernel events, dnsmasq exits, maintenance and a
/// takeover only add keys to its queue, and wait.
///
/// A run reads the wanted state once for all networks that are due, then the actual state. Devices and namespaces are
/// changed by one run at a time; servers and egress are reconciled beside that.
package final class ReconcileLoop: Service {
    package enum Key: Hashable, Sendable {
        /// The drift check: the comparison of all that the kernel has with what the last runs left.
        case node
        /// A network's mesh, namespace and server.
        case network(VNI)
        /// A network's egress, apart: one that cannot be repaired keeps its guests from nothing else.
        case egress(VNI)
    }

    package typealias Queue = ReconcileQueue<Key>

    /// The least time between two drift checks, however many events there are.
    private static let pace: Duration = .milliseconds(200)
    /// The pause after a drift check, in times that it took: it costs a fifth of a processor at most.
    private static let pauseShare = 4

    /// The parts that are removed of a network that is not wanted on this node.
    enum Removal: Int, Sendable, Comparable {
        /// The parts behind the gate: veths, namespace, server.
        case namespace
        case all

        static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    private struct Waiter {
        var pending: [Key: Queue.Ticket]
        var results: [Key: Result<Reconciled, any Error>] = [:]
        /// Called with each network whose server is reconciled, before its run has ended.
        let served: (@Sendable (VNI) -> Void)?
        let continuation: CheckedContinuation<[Key: Result<Reconciled, any Error>], any Error>
    }

    private struct State {
        var queue = Queue()
        var waiters: [UInt64: Waiter] = [:]
        var nextWaiter: UInt64 = 0
        var constraints = RunConstraints()
        /// The changes that the kernel has reported since the last read.
        var changes = HostChanges()
        /// The keys whose runs have ended since the last drift check began: what it saw of them is older than that.
        var endedSinceCheck: Set<Key> = []
        /// A Boolean value that indicates whether a drift check has met a network in a run, of which it could tell
        /// nothing.
        var needsDriftCheck = false
        /// The time at which the loop is next woken for delayed keys.
        var alarm: ContinuousClock.Instant?
        var isClosed = false
    }

    let networks: NodeNetworks
    let record: MaintenanceRecord
    let logger: Logger
    private let currentTenure: @Sendable () -> Tenure?
    private let state = Mutex(State())
    /// The errors of drift checks, and of the reads of runs.
    let (driftCheckErrors, runErrors): (SharedErrors, SharedErrors)
    private let bell = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// Creates a loop; nothing is read before ``run()``.
    ///
    /// - Parameters:
    ///   - networks: the networks of this node.
    ///   - tenure: returns the tenure that has begun on this node; nil when none has.
    ///   - record: the record of how many networks had drifted and were repaired.
    ///   - logger: the logger for drift and for errors.
    init(
        _ networks: NodeNetworks,
        tenure: @escaping @Sendable () -> Tenure?,
        record: MaintenanceRecord,
        logger: Logger
    ) {
        self.networks = networks
        currentTenure = tenure
        self.record = record
        self.logger = logger.component("reconcile")
        (driftCheckErrors, runErrors) = (SharedErrors(logger), SharedErrors(logger))
    }

    /// The tenure under which findings may be recorded; nil when there is none.
    var tenure: Tenure? { currentTenure().flatMap { $0.isOver ? nil : $0 } }

    // MARK: Adding

    /// Adds keys without waiting for them.
    func add(_ keys: some Sequence<Key>, _ priority: Queue.Priority) {
        state.withLock { state in
            for key in keys { state.queue.add(key, priority) }
        }
        ring()
    }

    /// Notes a change that the kernel has reported, and asks for a drift check.
    func note(_ change: HostChange) {
        let isNews = state.withLock { state in
            state.changes.note(change)
            if change == .portRules { networks.ports.distrustTables() }
            if change == .lostRules { networks.ports.doubtTables() }
            defer { state.queue.add(.node, .repair) }
            return !state.queue.isDue(.node)
        }
        // Events may come as fast as a guest sends frames: one drift check is for all that come before it.
        if isNews { ring() }
    }

    /// Adds keys, and waits until a run that began after this call has ended for each.
    ///
    /// - Parameters:
    ///   - keys: the keys.
    ///   - priority: their urgency.
    ///   - removal: the parts to remove of networks that are not wanted on this node; nil is none.
    ///   - served: called with each network whose server is reconciled, before its run has ended.
    /// - Returns: The outcome for each key.
    /// - Throws: `CancellationError` when the task is cancelled, or the loop has ended.
    func reconcile(
        _ keys: [Key],
        _ priority: Queue.Priority,
        removing removal: Removal? = nil,
        served: (@Sendable (VNI) -> Void)? = nil
    ) async throws -> [Key: Result<Reconciled, any Error>] {
        guard !keys.isEmpty else { return [:] }
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isRefused = state.withLock { state in
                    guard !state.isClosed, !Task.isCancelled else { return true }
                    var pending: [Key: Queue.Ticket] = [:]
                    for key in keys {
                        pending[key] = state.queue.add(key, priority)
                        guard let removal, case .network(let vni) = key else { continue }
                        state.constraints.ask(removal, of: vni)
                    }
                    state.waiters[id] = Waiter(pending: pending, served: served, continuation: continuation)
                    return false
                }
                if isRefused { continuation.resume(throwing: CancellationError()) } else { ring() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Adds one key, as ``reconcile(_:_:removing:served:)`` does, and throws its failure.
    func reconcile(_ key: Key, _ priority: Queue.Priority, removing removal: Removal? = nil) async throws -> Reconciled
    {
        guard let result = try await reconcile([key], priority, removing: removal)[key] else {
            preconditionFailure("a run that answers a key says what came of it")
        }
        return try result.get()
    }

    private func ring() { bell.continuation.yield() }

    // MARK: Running

    /// Processes keys that are due until graceful shutdown; calls that still wait then throw `CancellationError`.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for await _ in self.bell.stream { self.begin(in: &group) }
                group.cancelAll()
            }
        }
        let waiters = state.withLock { state in
            defer { (state.isClosed, state.waiters) = (true, [:]) }
            return state.waiters.values.map(\.continuation)
        }
        for waiter in waiters { waiter.resume(throwing: CancellationError()) }
        await networks.reads.close()
    }

    /// Takes the keys that are due, and begins their runs.
    private func begin(in group: inout DiscardingTaskGroup) {
        let now = ContinuousClock.now
        var removals: [VNI: Removal] = [:]
        let (taken, alarm) = state.withLock { state -> ([Queue.Taken], ContinuousClock.Instant?) in
            let (constraints, queue) = (state.constraints, state.queue)
            let taken = state.queue.take(at: now) { constraints.canBegin($0, queue.isProcessing) }
            removals = state.constraints.begin(taken.map(\.key))
            guard let next = state.queue.nextDelay(after: now), state.alarm.map({ next < $0 || $0 <= now }) ?? true
            else { return (taken, nil) }
            state.alarm = next
            return (taken, next)
        }
        if let alarm {
            group.addTask {
                // Nothing else wakes the loop when a delay ends; this is cancelled with the loop.
                try? await Task.sleep(until: alarm, clock: .continuous)
                self.ring()
            }
        }
        var (networks, egress): ([VNI: Queue.Priority], [VNI: Queue.Priority]) = ([:], [:])
        for taken in taken {
            switch taken.key {
            case .node: group.addTask { await self.checkForDrift() }
            case .network(let vni): networks[vni] = taken.priority
            case .egress(let vni): egress[vni] = taken.priority
            }
        }
        if !networks.isEmpty { group.addTask { [networks, removals] in await self.run(networks, removals) } }
        if !egress.isEmpty { group.addTask { [egress] in await self.runEgress(egress) } }
    }

    /// Ends the part of a run in which no other one may change devices.
    func leaveKernel() {
        state.withLock { $0.constraints.leaveKernel() }
        ring()
    }

    /// Calls `served` of the waiters for a network whose server is reconciled.
    func tellServed(_ vni: VNI) {
        let key = Key.network(vni)
        let told = state.withLock { state in
            state.waiters.values.filter { waiter in
                waiter.pending[key].map { state.queue.isAnswered($0, by: key) } ?? false
            }.compactMap(\.served)
        }
        for served in told { served(vni) }
    }

    /// Ends the processing of a key, and answers the waiters for this run.
    ///
    /// - Parameters:
    ///   - key: a key that was taken.
    ///   - result: the outcome.
    ///   - isBroken: whether the key is to be processed again by itself.
    ///   - rest: the time before its next repair.
    ///   - needsDriftCheck: whether to check for drift again: after a repair, because the damage may have gone on
    ///     without an event.
    func end(
        _ key: Key,
        _ result: Result<Reconciled, any Error>,
        isBroken: Bool,
        rest: Duration = .zero,
        needsDriftCheck: Bool = false
    ) {
        let answered = state.withLock { state -> [Waiter] in
            var answered: [Waiter] = []
            for (id, waiter) in state.waiters {
                guard let ticket = waiter.pending[key], state.queue.isAnswered(ticket, by: key) else { continue }
                var waiter = waiter
                waiter.pending[key] = nil
                waiter.results[key] = result
                state.waiters[id] = waiter.pending.isEmpty ? nil : waiter
                if waiter.pending.isEmpty { answered.append(waiter) }
            }
            state.queue.done(key, failed: isBroken, rest: rest, at: .now)
            if key != .node { state.endedSinceCheck.insert(key) }
            state.constraints.end(key)
            if key != .node, state.needsDriftCheck || needsDriftCheck {
                state.needsDriftCheck = false
                state.queue.add(.node, .repair)
            }
            return answered
        }
        for waiter in answered { waiter.continuation.resume(returning: waiter.results) }
        ring()
    }

    // MARK: Drift checks

    /// Compares all that the kernel has with what the last runs have left, and adds repairs of what differs.
    ///
    /// It asks neither the database nor a program. Forwarding entries and servers' files are compared only when the
    /// kernel has reported a change of them, the contents of the tables of ports only when it had to drop reports. The
    /// insides of namespaces are read when it has reported a change of one, and otherwise in turns.
    private func checkForDrift() async {
        let changes = takeChanges()
        let start = ContinuousClock.now
        var took = Duration.zero
        do {
            // Before the survey, so that what is found of them is no older than it.
            try await networks.ports.examineTables()
            let survey = try await networks.surveyOfAll(
                withEntries: changes.entries,
                readingInsides: changes.insides
            )
            took = ContinuousClock.now - start
            networks.traffic.withLock { $0.note(survey) }
            let known = networks.known.withLock { $0 }
            let ports = networks.ports.drift(in: survey, isServing: tenure != nil).intersection(known.vnis)
            let drift = known.drift(in: survey).union(ports)
                .union(networks.namespaces.gateDrift(in: survey))
                .union(await networks.servers.drift(in: survey, readingFilesOf: changes.files))
            // An egress is repaired after its namespace.
            let egress = networks.egress.drift(in: survey)
            let due = drift.map { Key.network($0) } + egress.subtracting(drift).map { Key.egress($0) }
            addRepairs(of: Set(due), among: Set(due + egress.map { Key.egress($0) }), after: changes)
            driftCheckErrors.resolved()
        } catch {
            giveBack(changes)
            if !Task.isCancelled { driftCheckErrors.report("drift cannot be checked for: \(error)") }
        }
        end(.node, .success(Reconciled()), isBroken: false, rest: max(Self.pace, took * Self.pauseShare))
    }

    /// Takes the changes that the kernel has reported since the last drift check.
    ///
    /// After a failure it is everything: only then can a drift check tell whether what failed is well again. After any
    /// run it is the insides of namespaces: it has changed them, or has left some of its steps for a later run.
    private func takeChanges() -> HostChanges {
        state.withLock { state in
            defer { (state.changes, state.endedSinceCheck) = (HostChanges(), []) }
            if state.queue.hasFailures { state.changes.note(.entries) }
            if state.queue.hasFailures || !state.endedSinceCheck.isEmpty { state.changes.note(.insides) }
            return state.changes
        }
    }

    /// Gives back changes that could not be examined, for the next drift check.
    private func giveBack(_ changes: HostChanges) { state.withLock { $0.changes.note(changes) } }

    /// Adds repairs of the drift that a check has found, except of keys that are being processed, or were since the
    /// check began: of those it can tell nothing.
    ///
    /// The delay ends of keys on which an earlier check has found drift, and this one none.
    ///
    /// - Parameters:
    ///   - keys: the keys to repair now.
    ///   - drift: all keys on which there is drift.
    ///   - changes: the changes that were examined; they are given back where something is being processed.
    private func addRepairs(of keys: Set<Key>, among drift: Set<Key>, after changes: HostChanges) {
        state.withLock { state in
            let processing = Set(state.queue.processing).subtracting([.node])
            let unknown = processing.union(state.endedSinceCheck)
            for key in keys.subtracting(unknown) { state.queue.add(key, .repair) }
            state.queue.recordDriftCheck(found: drift) { !unknown.contains($0) && $0 != .node }
            guard !processing.isEmpty || !keys.isDisjoint(with: unknown) else { return }
            state.changes.note(changes)
            if processing.isEmpty { state.queue.add(.node, .repair) } else { state.needsDriftCheck = true }
        }
        ring()
    }
}

/// Errors that several tasks meet, reported when they change.
final class SharedErrors: Sendable {
    private let reporter: Mutex<ErrorReporter>

    init(_ logger: Logger, component: String = "reconcile") {
        reporter = Mutex(ErrorReporter(component, logger: logger))
    }

    func report(_ message: String) { reporter.withLock { $0.report(message) } }
    func resolved() { reporter.withLock { $0.resolved() } }
}

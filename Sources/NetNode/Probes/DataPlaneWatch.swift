import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import MariaDB
import ServiceLifecycle
import Synchronization

/// The service that watches whether the networks' packets get from node to node: it probes other nodes, answers
/// theirs, checks what its own node has to have for it, and writes down what is wrong.
package final class DataPlaneWatch: Service {
    /// The time between two turns of the prober: answers may take half a second.
    private static let turn: Duration = .milliseconds(100)
    /// The same after a turn that had something to read: with ``PathProber/mostAnswersAtOnce`` it bounds what anybody
    /// can make this node answer at 6,400 datagrams a second, and with ``PathProber/mostReadAtOnce`` what it reads.
    private static let busyTurn: Duration = .milliseconds(10)
    /// The time between two reads of whom to probe, with jitter, where no session looks for it.
    private static let planInterval: Duration = .seconds(5)
    /// The time between two looks at what the session has seen, and after a read that has found no such node.
    private static let shortPlanInterval: Duration = .seconds(1)
    /// The time between two checks of this node, and between two comparisons of what is known with what is written.
    private static let checkInterval: Duration = .seconds(1)
    private static let reportInterval: Duration = .milliseconds(200)

    /// The outcome of the checks of this node, and what they have seen.
    private struct Own: Sendable {
        var checks: [DataPlaneCheck: SteadyCheck] = [:]
        var device: LocalDevice?
    }

    private let node: NodeName
    private let port: UInt16
    private let externalBridge: LinkName?
    private let database: Database
    private let prober: PathProber
    private let seenPlan: @Sendable () -> ProbePlan?
    private let largestMTU: @Sendable () -> MTU?
    private let handover: DataPlaneHandover
    private let logger: Logger
    private let own = Mutex(Own())

    /// Creates it; nothing is sent before ``run()``.
    ///
    /// - Parameters:
    ///   - node: this node.
    ///   - port: at which every node answers probes.
    ///   - prober: sends and answers them, and goes on by the turns that this one calls.
    ///   - externalBridge: that the node should have; nil where it should have none.
    ///   - database: where whom to probe is read, and what is wrong is written.
    ///   - seenPlan: whom to probe, as the session of this node has last seen it; nil when it has to be read.
    ///   - largestMTU: of the networks of this node.
    ///   - handover: asks an elected node to hand over.
    ///   - logger: told of each change.
    init(
        node: NodeName,
        port: UInt16,
        prober: PathProber,
        externalBridge: LinkName?,
        database: Database,
        seenPlan: @escaping @Sendable () -> ProbePlan?,
        largestMTU: @escaping @Sendable () -> MTU?,
        handover: DataPlaneHandover,
        logger: Logger
    ) {
        self.node = node
        self.port = port
        self.externalBridge = externalBridge
        self.database = database
        self.seenPlan = seenPlan
        self.largestMTU = largestMTU
        self.handover = handover
        self.logger = logger
        self.prober = prober
    }

    /// Watches until graceful shutdown.
    package func run() async throws {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.probe() }
            group.addTask { await cancelWhenGracefulShutdown { await self.plan() } }
            // Not cut short: at its end it takes its bridge away.
            group.addTask { await self.check() }
            group.addTask { await cancelWhenGracefulShutdown { await self.report() } }
            group.addTask { await cancelWhenGracefulShutdown { await self.handover.run() } }
        }
    }

    private func probe() async {
        var count = 0
        while await pause(for: count == 0 ? Self.turn : Self.busyTurn) == .elapsed {
            count = prober.turn(at: .now)
        }
    }

    // MARK: Whom to probe

    private func plan() async {
        var errors = ErrorReporter("data plane", logger: logger)
        var pause = Duration.zero
        while await ClusterEngine.pause(for: pause) == .elapsed {
            do {
                pause = Self.shortPlanInterval
                if let seen = seenPlan() {
                    take(seen)
                } else if let read = try await readPlan() {
                    take(read)
                    pause = Self.planInterval * Double.random(in: 0.9...1.1)
                }
                errors.resolved()
            } catch {
                guard !Task.isCancelled else { return }
                errors.report("the nodes to probe cannot be read: \(error)")
            }
        }
    }

    private func readPlan() async throws -> ProbePlan? {
        let node = node
        return try await database.withSession { try DataPlaneStatements.plan(of: node, on: $0) }
    }

    private func take(_ plan: ProbePlan) {
        prober.take(plan, fullSize: largestMTU().map { $0.rawValue + VXLANOverhead.bytes }, at: .now)
    }

    // MARK: This node

    private func check() async {
        var errors = ErrorReporter("data plane", logger: logger)
        let bridge = BridgeProbe()
        repeat {
            if let plan = prober.plan {
                let device = LocalDevice.with(plan.node.address)
                let addresses = device == nil ? LocalDevice.addresses() : []
                note(.underlayAddress, PathReason.ownFault(of: plan.node, on: device, addresses: addresses))
                own.withLock { $0.device = device }
            }
            if let externalBridge {
                let device = LocalDevice.named(externalBridge.description)
                note(.externalBridge, PathReason.externalFault(of: externalBridge, device))
            }
            if let limit = NeighbourTable.limit { note(.neighbourTable, NeighbourTable.fault(of: limit)) }
            do {
                if let passes = try await bridge.turn(at: .now) {
                    note(.bridgeFilter, passes ? nil : PathReason.bridgeFilter)
                }
                errors.resolved()
            } catch {
                guard !Task.isCancelled else { break }
                // Nothing is known then of that check; the others go on.
                errors.report("whether bridged frames pass cannot be found out: \(error)")
            }
        } while await pause(for: Self.checkInterval) == .elapsed
        do {
            try await bridge.close()
        } catch {
            // Without its ports it does no harm, and the next process takes it over.
            logger.info("the bridge for probes stays", metadata: ["component": "data plane", "error": "\(error)"])
        }
    }

    private func note(_ check: DataPlaneCheck, _ fault: String?) {
        let (before, after) = own.withLock { own in
            let before = own.checks[check]?.outcome
            own.checks[check, default: SteadyCheck()].note(fault)
            return (before, own.checks[check]?.outcome)
        }
        guard before?.state != after?.state, let after else { return }
        if after.state == .failed {
            logger.warning(
                "data plane check failed",
                metadata: ["component": "data plane", "check": "\(check.rawValue)", "reason": "\(after.reason)"]
            )
        } else if before?.state == .failed {
            logger.notice(
                "data plane check passes again",
                metadata: ["component": "data plane", "check": "\(check.rawValue)"]
            )
        }
    }

    // MARK: Reports

    private func report() async {
        var errors = ErrorReporter("data plane", logger: logger)
        var reporter = DataPlaneReporter(database: database)
        var told: [NodeName: PeerPath.Verdict] = [:]
        while await pause(for: Self.reportInterval) == .elapsed {
            guard let plan = prober.plan else { continue }
            let readings = prober.readings
            told = tell(readings, told)
            do {
                _ = try await reporter.write(report(readings, plan), of: plan.node.id)
                errors.resolved()
            } catch {
                guard !Task.isCancelled else { return }
                errors.report("what the data plane does cannot be written: \(error)")
            }
        }
    }

    private func report(_ readings: [PathProber.Reading], _ plan: ProbePlan) -> DataPlaneReport {
        let own = own.withLock { $0 }
        let checks = own.checks.compactMapValues(\.outcome)
        let surroundings = PathReason.Surroundings(
            node: plan.node,
            port: port,
            ownFault: checks[.underlayAddress].flatMap { $0.state == .failed ? $0.reason : nil },
            device: own.device,
            isAlone: readings.count > 1 && !readings.contains { $0.verdict.hasArrived }
        )
        var report = DataPlaneReport()
        report.checks = checks
        if externalBridge == nil { report.checks[.externalBridge] = .unused }
        for reading in readings {
            if let path = PathReason.report(of: reading, surroundings) { report.paths[reading.peer.id] = path }
        }
        // Nothing can be sent at all from an address that is not there.
        if let fault = prober.failure, surroundings.ownFault == nil, own.device == nil {
            report.checks[.underlayAddress] = .failed("\(fault)")
        }
        return report
    }

    /// Logs what has changed of paths.
    private func tell(
        _ readings: [PathProber.Reading],
        _ told: [NodeName: PeerPath.Verdict]
    ) -> [NodeName: PeerPath.Verdict] {
        for reading in readings where told[reading.peer.name] != reading.verdict {
            let before = told[reading.peer.name]
            let metadata: Logger.Metadata = [
                "component": "data plane", "node": "\(reading.peer.name)", "address": "\(reading.peer.address)",
                "state": "\(reading.verdict)",
            ]
            switch reading.verdict {
            case .unknown: break
            case .answers:
                if let before, before != .unknown { logger.notice("underlay path works again", metadata: metadata) }
            // In most cases its netnode is down for a moment, or not up yet.
            case .refused: logger.info("probes are refused", metadata: metadata)
            case .unreachable, .limited, .fragmented: logger.warning("underlay path is faulty", metadata: metadata)
            }
        }
        return Dictionary(readings.map { ($0.peer.name, $0.verdict) }) { first, _ in first }
    }

    // MARK: Metrics

    /// The paths, checks and counts at one moment.
    struct Snapshot: Sendable {
        let verdicts: [PeerPath.Verdict]
        let checks: [DataPlaneCheck: DataPlaneReport.Check]
        let counts: PathProber.Counts
    }

    /// The paths, checks and counts now.
    var snapshot: Snapshot {
        Snapshot(
            verdicts: prober.readings.map(\.verdict),
            checks: own.withLock { $0.checks.compactMapValues(\.outcome) },
            counts: prober.counts
        )
    }
}

extension PeerPath.Verdict {
    /// A Boolean value that indicates whether a process answers there.
    var isAnswering: Bool { hasArrived && self != .refused }

    /// A Boolean value that indicates whether something has come from there.
    var hasArrived: Bool {
        switch self {
        case .answers, .limited, .fragmented, .refused: true
        case .unknown, .unreachable: false
        }
    }
}

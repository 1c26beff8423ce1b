import ChildProcess
import ClusterDaemon
import ClusterEngine
import ClusterModel
import DaemonFace
import Logging
import MariaDB
import ServiceLifecycle
import Synchronization

/// The process `netnode`: the network tasks of its node, the election, what an elected node does, and maintenance.
struct NetNodeDaemon {
    /// Operations on networks that run at once: they wait for the kernel and for dnsmasq more than they compute.
    private static let slots = 8
    /// A renewal, and a poll while one hangs.
    private static let electionConnections = 2

    /// A server that does not answer is given up in time to ask another one: renewals are statements of a millisecond.
    private static let electionTimeouts: ConnectionConfiguration.Timeouts = {
        var timeouts = ConnectionConfiguration.Timeouts()
        timeouts.connect = .seconds(1)
        timeouts.statement = .milliseconds(1500)
        timeouts.read = .seconds(2)
        timeouts.write = .seconds(2)
        timeouts.lockWait = .seconds(1)
        return timeouts
    }()

    private let context: DaemonContext
    private let configuration: Configuration
    private let node: NodeName
    private let logger: Logger

    init(context: DaemonContext) {
        self.context = context
        (configuration, node, logger) = (context.configuration, context.node, context.logger)
    }

    /// Runs until a signal ends it.
    ///
    /// - Returns: How it ended.
    /// - Throws: `ConfigurationError` for a password that cannot be read; what keeps it from beginning on this machine.
    func run() async throws -> Daemon.Ending {
        let lock = try await NodeLock.take(
            stateDirectory: configuration.network.stateDirectory,
            prefix: configuration.network.namespacePrefix
        )
        // Before anything else: guests must not reach the servers that an earlier process has left running.
        let gate = try await makeGate()
        try await gate.close()

        let database = try context.database()
        let networks = makeNetworks(database, gate)
        // Those that an earlier process has left open, which was elected and was killed.
        try await networks.namespaces.closeGates()
        try await networks.servers.endLeftovers()

        let (doorbell, electionDoorbell) = (Doorbell(), Doorbell())
        let waker = DoorbellWaker(database: database, sender: DoorbellSender(logger: logger))
        let registry = DaemonFace.registry(logger: logger, more: [NetworkMetrics.maintenancePass])
        let record = MaintenanceRecord(factory: registry)
        let role = RoleRecord()
        let loop = ReconcileLoop(networks, tenure: { role.tenure }, record: record, logger: logger)
        let coordinator = NetworkCoordinator(
            loop: loop,
            role: role,
            gate: gate,
            succession: Succession(node: node, database: database, waker: waker, logger: logger),
            doorbell: doorbell,
            electionDoorbell: electionDoorbell,
            logger: logger
        )
        let listener = context.listener(database, for: [doorbell, electionDoorbell])
        let electionDatabase = database.companion(
            connections: Self.electionConnections,
            timeouts: Self.electionTimeouts
        )
        let (electionProgress, pulse) = (Progress(), WorkPulse())
        let candidacy = ElectionRecord(
            timing: ElectionState.Timing(
                lease: configuration.election.lease,
                renew: configuration.election.renew,
                fence: configuration.election.fence,
                outage: configuration.election.outage
            ),
            node: node
        )
        let probePort = UInt16(configuration.network.probePort)
        let prober = PathProber(port: probePort) { candidacy.answer($0, at: $1) }
        let election = ElectionKeeper(
            election: candidacy,
            witnesses: prober,
            database: electionDatabase,
            shared: database,
            standing: { pulse.standing(at: .now) },
            role: coordinator,
            doorbell: electionDoorbell,
            waker: waker,
            logger: logger,
            progress: electionProgress
        )
        let counters = CoalescingCounters(database: database)
        var parts = Worker.Parts(
            database: database,
            handlers: handlers(loop, coordinator),
            doorbell: doorbell,
            address: { await listener.address },
            waker: waker,
            counters: counters,
            children: NoChildren(),
            logger: logger
        )
        parts.pulse = pulse
        parts.supervised = { await networks.servers.readings }
        parts.metrics = WorkMetrics(factory: registry)
        let terms = Adjustable(
            WorkTerms(handlers: parts.handlers, stalenessBound: configuration.worker.stalenessBound)
        )
        parts.terms = terms
        let maintenance = Maintenance(
            loop: loop,
            watch: HostWatch(
                loop: loop,
                gate: gate,
                coordinator: coordinator,
                prefix: configuration.network.namespacePrefix,
                stateDirectory: configuration.network.stateDirectory,
                logger: logger
            ),
            coordinator: coordinator,
            check: ClusterCheck(node: node, database: database, counters: counters, waker: waker, logger: logger),
            interval: configuration.network.maintenanceInterval,
            record: record,
            logger: logger
        )
        let monitor = DHCPMonitor(loop, logger: logger)
        let dataPlane = DataPlaneWatch(
            node: node,
            port: probePort,
            prober: prober,
            externalBridge: configuration.network.externalBridge,
            database: database,
            seenPlan: { pulse.standing(at: .now)?.probePlan },
            largestMTU: { networks.known.withLock { $0.largestMTU } },
            handover: DataPlaneHandover(
                node: node,
                database: database,
                tenure: { coordinator.tenure },
                logger: logger
            ),
            logger: logger
        )
        let worker = worker(parts, coordinator)
        let trafficErrors = SharedErrors(logger, component: "metrics")
        let face = DaemonFace(
            .netnode,
            context: context,
            address: configuration.http.netnode,
            registry: registry,
            work: WorkSources(
                database: database,
                pulse: parts.pulse,
                counters: counters,
                doorbell: listener,
                queues: { QueueName.claimOrder(targets: targets(coordinator)) }
            ),
            checks: networkHealth.checks(election: electionProgress, coordinator, record),
            sources: [
                { NetworkMetrics.families(coordinator, record, networks.servers) },
                { ElectionMetrics.families(candidacy) },
                { DataPlaneMetrics.families(dataPlane.snapshot) },
                { await TrafficMetrics.families(networks, trafficErrors) },
                { await DatabaseMetrics.families(electionDatabase, pool: "election") },
                { await DatabaseMetrics.families(worker.sessionDatabase, pool: "session") },
            ]
        )
        let reload = context.reload { configuration in
            terms.set(WorkTerms(handlers: terms.value.handlers, stalenessBound: configuration.worker.stalenessBound))
        }
        logger.notice("netnode starts", metadata: ["node": "\(node)"])
        let ending = await Daemon.run(
            services: face.services
                + [electionDatabase, database, networks.reads, listener, loop, election, worker]
                + [maintenance, monitor, dataPlane],
            logger: logger,
            reactions: face.reactions(reload: reload)
        )
        // Those of a standby that was ready; of an elected node none is left.
        await networks.servers.close()
        // From here on nobody guards the gate: without their veths the gateways cannot be reached, even if it is
        // removed.
        do {
            try await networks.namespaces.lowerVeths()
        } catch {
            logger.component("namespace").error("veths could not be set down", metadata: ["error": "\(error)"])
        }
        _ = consume lock
        return ending
    }

    /// Creates the gate of this node, which takes VXLAN datagrams of the nodes that the kernel has rows for until the
    /// database has said which there are.
    private func makeGate() async throws -> Gate {
        let (known, survey) = (KnownNetworks(), try await HostSurvey.take(names: [], rows: .all))
        let access = UnderlayAccess(
            interface: configuration.network.underlayInterface,
            nodes: known.peers(survey.mesh),
            local: known.localAddresses(survey.mesh)
        )
        return Gate(access: access, logger: logger)
    }

    private func makeNetworks(_ database: Database, _ gate: Gate) -> NodeNetworks {
        let prefix = configuration.network.namespacePrefix
        let namespaces = NamespaceReconciler(prefix: prefix, logger: logger)
        let servers = NetworkServers(
            stateDirectory: configuration.network.stateDirectory,
            namespacePath: { NamespaceName(prefix: prefix, $0).path },
            firstUser: UInt32(configuration.network.firstUserID),
            upstream: UpstreamServers(
                configuration.network.dnsServers,
                privateDomains: configuration.network.dnsPrivateDomains
            ),
            logger: logger
        )
        return NodeNetworks(
            node: node,
            gate: gate,
            mesh: MeshReconciler(logger: logger),
            namespaces: namespaces,
            egress: EgressReconciler(
                namespaces: namespaces,
                bridge: configuration.network.externalBridge,
                allowed: configuration.network.egressAllow,
                logger: logger
            ),
            ports: PortReconciler(logger: logger),
            servers: servers,
            ledger: NetworkLedger(node: node, database: database),
            database: database,
            logger: logger
        )
    }

    private func handlers(_ loop: ReconcileLoop, _ coordinator: NetworkCoordinator) -> [any TaskHandler] {
        let meshTasks: [BuiltInTask] = [.networkEnsureMesh, .networkApplyCreateHypervisor]
        return meshTasks.map { EnsureMeshHandler($0, loop: loop) }
            + [DeleteMeshHandler(loop: loop)]
            + ServeNetworkHandler.tasks.map { ServeNetworkHandler($0, loop: loop, coordinator: coordinator) }
            + RemoveNetworkHandler.tasks.map { RemoveNetworkHandler($0, loop: loop, coordinator: coordinator) }
    }

    private var networkHealth: NetworkHealth {
        NetworkHealth(electionLease: configuration.election.lease, interval: configuration.network.maintenanceInterval)
    }

    /// The elected role's work first: there is one node that can do it, and it has little of its own.
    private func targets(_ coordinator: NetworkCoordinator) -> [QueueTarget] {
        coordinator.tenure == nil ? [.nodeNetwork(node)] : [.networkNode, .nodeNetwork(node)]
    }

    private func worker(_ parts: Worker.Parts, _ coordinator: NetworkCoordinator) -> Worker {
        Worker(context.workerSettings(.netnode, slots: Self.slots), parts) { targets(coordinator) }
    }
}

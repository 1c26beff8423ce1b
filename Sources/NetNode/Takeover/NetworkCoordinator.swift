import ClusterEngine
import ClusterStore
import Logging
import Synchronization

/// The role of the elected network node: its servers run, its gate is open, and gratuitous ARP was sent for the
/// gateways.
///
/// In this order, so that no guest reaches a server that is not ready; and backwards at the end, the gate first.
package final class NetworkCoordinator: ElectedRole {
    /// The delays after which gratuitous ARP is sent once the gate was opened, each after the last: the first may be
    /// lost while ports come up.
    private static let gratuitousARPDelays: [Duration] = [
        .zero, .milliseconds(200), .milliseconds(800), .seconds(2),
    ]
    /// The first pause before a step of a take-over is tried again.
    private static let pauseBeforeNextTry: Duration = .milliseconds(200)
    /// The longest such pause; each is twice the last.
    private static let longestPause: Duration = .seconds(2)

    /// The most attempts of a standby to get ready: the node that hands over waits for it.
    private static let triesToBeReady = 5

    /// The longest time that the gate stays closed for networks that are not ready: all of 150 are within half a
    /// second.
    private static let mostBeforeOpening: Duration = .milliseconds(1500)
    /// The longest time that this node may be elected while its gate is closed.
    private static let patience: Duration = .seconds(10)

    private let loop: ReconcileLoop
    private let role: RoleRecord
    private let gate: Gate
    private let succession: Succession
    private let doorbell: Doorbell
    private let electionDoorbell: Doorbell
    private let logger: Logger
    /// The epoch in which all servers became ready; nil before.
    private let readyIn = Mutex<ServerPermit.Epoch?>(nil)
    /// The requests that servers be kept ready, or not; the last one counts.
    private let readiness = AsyncStream<Bool>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// Creates a coordinator; it does nothing until this node is elected.
    ///
    /// - Parameters:
    ///   - loop: the reconcile loop of this node.
    ///   - role: the record of this node's phase in the role.
    ///   - gate: the gate of this node, closed by now.
    ///   - succession: requeues the operations that an earlier elected node was running.
    ///   - doorbell: the doorbell of the worker, which drains more queues from then on.
    ///   - electionDoorbell: the doorbell of the election, rung when the servers are ready.
    ///   - logger: the logger for changes of the role.
    init(
        loop: ReconcileLoop,
        role: RoleRecord,
        gate: Gate,
        succession: Succession,
        doorbell: Doorbell,
        electionDoorbell: Doorbell,
        logger: Logger
    ) {
        self.loop = loop
        self.role = role
        self.gate = gate
        self.succession = succession
        self.doorbell = doorbell
        self.electionDoorbell = electionDoorbell
        self.logger = logger.component("takeover")
    }

    private var networks: NodeNetworks { loop.networks }

    /// The tenure under which operations on networks may be run here now.
    package var tenure: Tenure? {
        role.phase.withLock { $0.heard.flatMap { $0.isOver ? nil : $0 } }
    }

    /// The standing of this node towards the networks.
    package enum Standing: Sendable, Hashable {
        /// Not elected, with a closed gate.
        case notElected
        /// Elected, with a gate that is not open yet.
        case opening
        /// Elected, with an open gate; the margin is the rest of the lease if it is not renewed.
        case serving(term: UInt64, margin: Duration)
    }

    package var standing: Standing {
        if let tenure, let deadline = tenure.deadline {
            return .serving(term: tenure.term, margin: deadline - .now)
        }
        return role.phase.withLock { $0.hasBegun } ? .opening : .notElected
    }

    // MARK: Not elected yet

    package func shouldBeReady(_ isWanted: Bool) { readiness.continuation.yield(isWanted) }

    /// Starts servers behind the closed gate when they may soon be needed, and ends them when they are not, until
    /// cancellation.
    func keepReady() async {
        for await isWanted in readiness.stream {
            if isWanted {
                networks.servers.open(for: .readiness)
                await makeReady()
                electionDoorbell.ring()
            } else {
                // Those of a tenure stay.
                await networks.servers.close(for: [.readiness])
            }
        }
    }

    private func makeReady() async {
        var errors = ErrorReporter("takeover", logger: logger)
        for _ in 1...Self.triesToBeReady {
            do {
                let epoch = try networks.servers.epoch()
                try await loop.bringAll(.takeover)
                readyIn.withLock { $0 = epoch }
                return
            } catch {
                // A cancelled attempt has not failed.
                guard !Task.isCancelled else { return }
                errors.report("not everything could be made ready: \(error)")
                guard (try? await Task.sleep(for: Self.pauseBeforeNextTry)) != nil else { return }
            }
        }
    }

    package func strength() async -> Int? {
        guard isHeard || isReady else { return nil }
        return await networks.servers.running.count
    }

    package var isHeard: Bool { tenure != nil }

    /// A Boolean value that indicates whether all servers are ready behind the closed gate.
    private var isReady: Bool { readyIn.withLock { $0 }.map(networks.servers.lasts) ?? false }

    // MARK: Elected

    package func serve(_ tenure: Tenure) async {
        let start = ContinuousClock.now
        let hasBegun = role.phase.withLock { phase in
            guard phase.begin(tenure, at: start) else { return false }
            // Inside the lock: a retirement either finds them open, or the tenure does not begin.
            networks.servers.open(for: .tenure)
            return true
        }
        // From here on they run for the tenure; an earlier request must not take effect after it.
        shouldBeReady(false)
        guard hasBegun else { return }
        await withDiscardingTaskGroup { group in
            let mayOpen = AsyncStream<Void>.makeStream()
            group.addTask {
                let isReady = self.isReady
                await self.untilDone(tenure, "the networks cannot be brought up") {
                    try await self.loop.bringAll(.takeover) {
                        // What remains is to read back and to record the applied state.
                        if isReady { mayOpen.continuation.finish() }
                    }
                }
                mayOpen.continuation.finish()
                await self.untilDone(tenure, "the networks' egress cannot be brought up") {
                    try await self.loop.bringAllEgress(.takeover)
                }
            }
            // One slow network does not keep the gate closed for the others.
            group.addTask {
                try? await Task.sleep(for: Self.mostBeforeOpening)
                mayOpen.continuation.finish()
            }
            // Beside the servers: they are behind the node's gate as well, which opens last.
            await untilDone(tenure, "the namespaces' own gates cannot be opened") {
                try await networks.namespaces.openGates(under: tenure)
            }
            for await _ in mayOpen.stream {}
            guard await open(tenure) else { return }
            logger.notice(
                "serving the networks",
                metadata: ["term": "\(tenure.term)", "after": "\(ContinuousClock.now - start)"]
            )
            group.addTask {
                await self.untilDone(tenure, "earlier operations cannot be taken back") {
                    try await self.succession.takeBack(under: tenure)
                }
                self.doorbell.ring()
            }
            // Apart: a failure for one of them neither delays nor repeats the other.
            group.addTask {
                await self.repeatGratuitousARP(tenure, "no gratuitous ARP for the external addresses") {
                    try await self.networks.sendGratuitousARPForEgress()
                }
            }
            await repeatGratuitousARP(tenure, "no gratuitous ARP for the gateways") {
                try await networks.sendGratuitousARPForGateways()
            }
        }
    }

    private func repeatGratuitousARP(_ tenure: Tenure, _ trouble: String, _ send: () async throws -> Void) async {
        for pause in Self.gratuitousARPDelays {
            guard (try? await Task.sleep(for: pause)) != nil, !tenure.isOver else { return }
            await untilDone(tenure, trouble, send)
        }
    }

    private func open(_ tenure: Tenure) async -> Bool {
        await untilDone(tenure, "the gate cannot be opened") {
            // Beside the opening, and before gratuitous ARP, from which bridges learn where the gateways are. To a veth
            // that does not learn yet they flood.
            async let learning: Void = networks.ports.setGateways(isServing: true)
            if try await gate.open(under: tenure) { role.phase.withLock { $0.opened(tenure, at: .now) } }
            try await learning
        }
        return self.tenure != nil
    }

    /// Repeats work with growing pauses until it succeeds or the tenure is over.
    ///
    /// - Returns: Whether it succeeded.
    @discardableResult
    private func untilDone(
        _ tenure: Tenure,
        _ trouble: String,
        _ work: () async throws -> Void
    ) async -> Bool {
        var errors = ErrorReporter("takeover", logger: logger)
        var pause = Self.pauseBeforeNextTry
        while !tenure.isOver, !Task.isCancelled {
            do {
                try await work()
                errors.resolved()
                return true
            } catch {
                guard !Task.isCancelled, !tenure.isOver else { return false }
                errors.report("\(trouble): \(error)")
                guard (try? await Task.sleep(for: pause)) != nil else { return false }
                pause = min(pause * 2, Self.longestPause)
            }
        }
        return false
    }

    package func extend(_ tenure: Tenure) async -> Bool {
        if role.phase.withLock({ $0.heard === tenure }) {
            do {
                try await gate.extend(tenure)
                role.phase.withLock { $0.opened(tenure, at: .now) }
            } catch {
                // It closes by itself then; the next renewal makes its tables anew.
                logger.error("gate not extended", metadata: ["error": "\(error)"])
            }
        }
        // A node that cannot open its gate gives the role to one that can, however hard it tries.
        return role.phase.withLock { $0.unheard(tenure, at: .now) } < Self.patience
    }

    // MARK: Not elected any more

    package func fallSilent(_ tenure: Tenure) async throws {
        role.phase.withLock { $0.silence(tenure) }
        try await gate.close()
    }

    package func retire(_ tenure: Tenure) async {
        role.phase.withLock { $0.retire(tenure) }
        do {
            try await gate.close()
        } catch {
            logger.error("gate not closed; its timeout will close it", metadata: ["error": "\(error)"])
        }
        do {
            try await networks.namespaces.closeGates()
        } catch {
            // The next drift check finds them open.
            logger.error("a namespace's own gate was not closed", metadata: ["error": "\(error)"])
        }
        await networks.servers.close()
        do {
            try await networks.ports.setGateways(isServing: false)
        } catch {
            // The next drift check finds it; at the end of the process the veths are taken down.
            guard !Task.isCancelled else { return }
            logger.warning("the gateways' veths were not closed", metadata: ["error": "\(error)"])
        }
        logger.notice("all servers ended", metadata: ["term": "\(tenure.term)"])
    }
}

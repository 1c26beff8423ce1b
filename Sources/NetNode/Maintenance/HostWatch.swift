import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import ServiceLifecycle
import Synchronization

/// The service that passes the kernel's events to the reconcile loop, and repairs the gate, which never waits for a
/// run.
///
/// An event leads to a drift check, which compares the kernel with what the last runs have left, and asks neither the
/// database nor a program; only a difference leads to a run. So our own changes, of which the kernel sends events as
/// well, cost a drift check and no more.
struct HostWatch: Sendable {
    /// The interval of drift checks without an event: events get lost, and some damage causes none.
    static let sweepInterval: Duration = .seconds(2)
    /// The least time between two repairs of the gate, however many events there are.
    private static let pace: Duration = .milliseconds(200)

    /// The mark that another program has changed the gate's table since the last repair.
    private final class GateNews: Sendable {
        private let isNews = Mutex(false)
        private let bell = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

        var rings: AsyncStream<Void> { bell.stream }

        func note() {
            isNews.withLock { $0 = true }
            ring()
        }

        func ring() { bell.continuation.yield() }

        func take() -> Bool {
            isNews.withLock { isNews in
                defer { isNews = false }
                return isNews
            }
        }
    }

    private let loop: ReconcileLoop
    private let gate: Gate
    private let coordinator: NetworkCoordinator
    private let monitor: NetlinkMonitor
    private let gateNews = GateNews()
    private let logger: Logger

    /// Creates a watch that receives and does nothing before ``run()``.
    ///
    /// - Parameters:
    ///   - loop: the reconcile loop of this node.
    ///   - gate: the gate of this node.
    ///   - coordinator: the role of this node; an open gate is extended under its tenure.
    ///   - prefix: the prefix of the names of this node's namespaces.
    ///   - stateDirectory: the directory that has one for each network.
    ///   - logger: the logger for events that cannot be received, and for a gate that cannot be repaired.
    init(
        loop: ReconcileLoop,
        gate: Gate,
        coordinator: NetworkCoordinator,
        prefix: String,
        stateDirectory: String,
        logger: Logger
    ) {
        self.loop = loop
        self.gate = gate
        self.coordinator = coordinator
        self.logger = logger.component("monitor")
        monitor = NetlinkMonitor(prefix: prefix, stateDirectory: stateDirectory) { [gateNews] change in
            if change != .rules { loop.note(change) }
            if change == .rules || change == .lostRules || change == .lost { gateNews.note() }
        }
    }

    /// Receives events until graceful shutdown.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await sweep() }
            group.addTask { await cancelWhenGracefulShutdown { await repairGate() } }
        }
        monitor.close()
    }

    private func sweep() async {
        var errors = ErrorReporter("monitor", logger: logger)
        repeat {
            do {
                try monitor.listen()
                errors.resolved()
            } catch {
                // Sweeps and maintenance find the changes whose events are missing.
                errors.report("not all kernel events can be received: \(error)")
                loop.note(.insides)
            }
            loop.add([.node], .repair)
            gateNews.ring()
        } while await pause(for: Self.sweepInterval) == .elapsed
    }

    private func repairGate() async {
        var errors = ErrorReporter("monitor", logger: logger)
        for await _ in gateNews.rings {
            do {
                if gateNews.take(), let tenure = coordinator.tenure {
                    // The next renewal would do it as well.
                    try await gate.extend(tenure)
                } else {
                    try await gate.repair()
                }
                errors.resolved()
            } catch {
                guard !Task.isCancelled else { return }
                errors.report("the gate cannot be repaired: \(error)")
            }
            guard await pause(for: Self.pace) == .elapsed else { return }
        }
    }
}

import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterReports
import Exposition
import MariaDB
import ServiceLifecycle
import Synchronization

/// Counts what waits in this daemon's queues, when somebody asks and not more often than every few seconds.
///
/// A scrape never waits for a database that hangs: after a moment it gets what was counted last, with its age.
final class QueueSampler: Service {
    /// Within this time everybody gets the same answer, however many monitoring systems ask.
    static let freshness: Duration = .seconds(5)
    /// The longest that a scrape waits for a count; Prometheus gives up a scrape after 10 s.
    static let patience: Duration = .seconds(1)

    private struct State {
        var depths: [QueueDepth] = []
        var countedAt: ContinuousClock.Instant?
        var beganAt: ContinuousClock.Instant?
        var waiters: [CheckedContinuation<Void, Never>] = []
        var isOver = false
    }

    private let database: Database
    private let queues: @Sendable () -> [QueueName]
    private let state = Mutex(State())
    private let requests = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    init(database: Database, queues: @escaping @Sendable () -> [QueueName]) {
        self.database = database
        self.queues = queues
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in self.requests.stream { await self.count() }
        }
        state.withLock { $0.isOver = true }
        letGo()
    }

    private func count() async {
        let isWanted = state.withLock { state in
            if !state.waiters.isEmpty { state.beganAt = .now }
            return !state.waiters.isEmpty
        }
        // Who asked was answered by the count before.
        guard isWanted else { return }
        await withDiscardingTaskGroup { group in
            group.addTask {
                if (try? await Task.sleep(for: Self.patience)) != nil { self.letGo() }
            }
            // Why it cannot be counted is said by those who cannot work either.
            let depths = try? await QueueDepth.of(queues(), in: database)
            state.withLock { state in
                state.beganAt = nil
                guard let depths else { return }
                state.depths = depths
                state.countedAt = .now
            }
            group.cancelAll()
        }
        letGo()
    }

    private func letGo() {
        let waiters = state.withLock { state in
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// The queues as they are now, or were when they could last be counted.
    func families() async -> [MetricFamily] {
        await withCheckedContinuation { continuation in
            let waits = state.withLock { state in
                let now = ContinuousClock.now
                let isFresh = state.countedAt.map { now - $0 < Self.freshness } ?? false
                let hangs = state.beganAt.map { now - $0 >= Self.patience } ?? false
                guard !isFresh, !hangs, !state.isOver else { return false }
                state.waiters.append(continuation)
                return true
            }
            if waits { requests.continuation.yield() } else { continuation.resume() }
        }
        let (depths, countedAt) = state.withLock { ($0.depths, $0.countedAt) }
        guard let countedAt else { return [] }
        return Self.families(depths, age: ContinuousClock.now - countedAt)
    }

    static func families(_ depths: [QueueDepth], age: Duration) -> [MetricFamily] {
        let counts = depths.flatMap { depth in
            [
                ("queued", depth.queued), ("delayed", depth.delayed), ("blocked", depth.blocked),
                ("executing", depth.executing),
            ].map { state, count in
                MetricFamily.Sample(["queue": "\(depth.queue)", "state": state], Double(count))
            }
        }
        let ages = depths.map { depth in
            MetricFamily.Sample(["queue": "\(depth.queue)"], depth.oldest?.fractionalSeconds ?? 0)
        }
        return [
            operations.family(counts),
            oldestAge.family(ages),
            sampleAge.family([.init([:], age.fractionalSeconds)]),
        ]
    }

    // MARK: Definitions

    static let metrics = [operations, oldestAge, sampleAge]

    private static let operations = MetricDefinition(
        "clusterops_queue_operations",
        .gauge,
        labels: ["queue", "state"],
        help: "Operations in the queues that this process drains; each count stops at \(QueueDepth.mostCounted)."
    )
    private static let oldestAge = MetricDefinition(
        "clusterops_queue_oldest_age_seconds",
        .gauge,
        labels: ["queue"],
        help: "How long the oldest operation that could run has waited since it could; 0 when none waits."
    )
    private static let sampleAge = MetricDefinition(
        "clusterops_queue_sample_age_seconds",
        .gauge,
        help: "The age of the queue counts; it grows while the database does not answer."
    )
}

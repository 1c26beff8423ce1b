import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterReports
import UnixSignals

/// One run of a benchmark: refuses where it would disturb, and ends all that it made, however it ends.
struct BenchRun {
    /// The longest time that the end of what it made may take; what is left then ends at its deadline.
    private static let longestCleaning = Duration.seconds(60)
    private static let look = Duration.milliseconds(20)

    private let global: GlobalOptions
    private let options: BenchOptions

    init(_ global: GlobalOptions, _ options: BenchOptions) {
        self.global = global
        self.options = options
    }

    /// Lends the cluster under a requester that nobody else has.
    ///
    /// - Throws: `Failure`: `conflict` on a database with live operations, `timedOut`, `interrupted`; what the body
    ///   throws.
    func measure(_ body: @escaping @Sendable (BenchSubject) async throws -> BenchFigures) async throws -> BenchView {
        let requester = "bench \(OperationID.new()) \(Requester.current)"
        return try await global.withCluster(requester: requester, connections: options.callers + 1) { cluster in
            let subject = try await BenchSubject(cluster)
            if !options.onLiveDatabase, try await subject.hasLiveOperations() {
                throw Failure(
                    .conflict,
                    "the database holds live operations, which would be slowed: say --on-live-database"
                )
            }
            let result: Result<BenchFigures, any Error>
            do {
                result = .success(try await unlessInterrupted { try await body(subject) })
            } catch {
                result = .failure(error)
            }
            let isClean = try await subject.endAll(within: Self.longestCleaning)
            if !isClean {
                Talk.say("operations of '\(requester)' are still live: workers end them, or their deadline does")
            }
            return try result.get().view
        }
    }

    private func unlessInterrupted(
        _ body: @escaping @Sendable () async throws -> BenchFigures
    ) async throws -> BenchFigures {
        let limit = options.limit
        return try await withThrowingTaskGroup(of: BenchFigures?.self) { group in
            let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
            group.addTask { try await body() }
            group.addTask {
                for await _ in signals { throw Failure(.interrupted, "interrupted") }
                return nil
            }
            group.addTask {
                try await Task.sleep(for: limit)
                throw Failure(.timedOut, "not done within \(limit.text)")
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }

    // MARK: What benchmarks do

    /// Refuses when nobody would run anything.
    static func requireWorker(_ cluster: ClusterConnection) async throws {
        let sessions = try await cluster.status().sessions
        guard sessions.contains(where: { $0.daemon == "queueworker" && $0.live > 0 }) else {
            throw Failure(.failed, "no live queueworker would run anything: start one")
        }
    }

    /// Waits until nothing of the run is live.
    static func untilOver(_ subject: BenchSubject) async throws {
        while try await subject.isUnderWay() { try await Task.sleep(for: look) }
    }

    /// Makes calls, divided among callers; returns what each took, in seconds.
    static func calls(
        _ count: Int,
        by callers: Int,
        _ call: @escaping @Sendable () async throws -> Void
    ) async throws
        -> [Double]
    {
        try await withThrowingTaskGroup(of: [Double].self) { group in
            for caller in 0..<callers {
                group.addTask {
                    var took: [Double] = []
                    for _ in 0..<(count / callers + (caller < count % callers ? 1 : 0)) {
                        try Task.checkCancellation()
                        let asked = ContinuousClock.now
                        try await call()
                        took.append((ContinuousClock.now - asked).seconds)
                    }
                    return took
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }
}

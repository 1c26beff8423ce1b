import ClusterEngine
import ClusterModel
import ClusterStore

/// The runs of all handlers together, to be checked afterwards.
public final class EffectLog: Sendable {
    /// One run of a task.
    public struct Effect: Sendable {
        /// The operation.
        public let operation: OperationID
        /// The task of the operation that was run.
        public let task: TaskName
        /// The number of the operation's delivery.
        public let delivery: Int
        /// The session that had claimed it.
        public let session: SessionID?
        /// The key that only one run at a time may hold.
        public let exclusiveKey: String?
        /// The wanted version that the run has read.
        public internal(set) var wanted: Int?
        /// The moment at which it began.
        public let start: ContinuousClock.Instant
        /// The moment at which it ended, or was told to stop, if that came first: from then on it does nothing.
        public internal(set) var end: ContinuousClock.Instant?
        /// The outcome that it returned; nil while it runs.
        public internal(set) var outcome: TaskOutcome?
        /// A Boolean value that indicates whether it was told to stop.
        public internal(set) var wasCancelled = false
    }

    private let log = Locked<[Effect]>([])

    /// Starts empty.
    public init() {}

    /// All runs, in the order in which they began.
    public var effects: [Effect] { log.value }

    /// The runs of one operation.
    public func effects(of operation: OperationID) -> [Effect] {
        log.value.filter { $0.operation == operation }
    }

    /// Runs of one exclusive target that overlap in time.
    public var overlaps: [(Effect, Effect)] {
        var found: [(Effect, Effect)] = []
        for (key, runs) in Dictionary(grouping: log.value, by: \.exclusiveKey) where key != nil {
            let runs = runs.sorted { $0.start < $1.start }
            // One that has not ended holds its target for ever.
            var last: Effect?
            for run in runs {
                if let last, last.end.map({ $0 > run.start }) ?? true { found.append((last, run)) }
                if last.flatMap(\.end).map({ $0 < run.end ?? $0 }) ?? true { last = run }
            }
        }
        return found
    }

    func begin(_ attempt: Attempt) -> Int {
        let effect = Effect(
            operation: attempt.operation.id,
            task: attempt.task,
            delivery: attempt.operation.deliveries,
            session: attempt.operation.worker?.session,
            exclusiveKey: attempt.operation.exclusiveKey,
            start: .now
        )
        return log.update { log in
            log.append(effect)
            return log.count - 1
        }
    }

    func read(_ wanted: Int?, in index: Int) {
        log.update { $0[index].wanted = wanted }
    }

    func cancel(_ index: Int) {
        log.update { log in
            log[index].wasCancelled = true
            log[index].end = log[index].end ?? .now
        }
    }

    func end(_ index: Int, _ outcome: TaskOutcome) {
        log.update { log in
            log[index].outcome = outcome
            log[index].end = log[index].end ?? .now
        }
    }
}

/// A handler that reads wanted state, as a real one does, and does nothing but write down that it did.
public struct RecordingHandler: TaskHandler {
    /// The course that a run is to take.
    public enum Course: Sendable, Hashable {
        /// It takes this long and succeeds.
        case succeed(after: Duration)
        /// It fails, with the code `on_order`.
        case fail
        /// It says "try again later".
        case tryLater
        /// It runs until it is told to stop.
        case hang
    }

    /// The code of failures that were ordered.
    public static let failureCode = "on_order"

    /// The definition of the task that the cluster is told.
    public let definition: TaskDefinition
    private let log: EffectLog
    private let wanted: @Sendable (Attempt) async throws -> Int?
    private let course: @Sendable (Attempt) -> Course

    /// Creates a handler.
    ///
    /// - Parameters:
    ///   - definition: The task.
    ///   - log: Where it is written down.
    ///   - wanted: Reads the version of the wanted state.
    ///   - course: Says how a run shall go.
    public init(
        _ definition: TaskDefinition,
        log: EffectLog,
        wanted: @escaping @Sendable (Attempt) async throws -> Int? = { _ in nil },
        course: @escaping @Sendable (Attempt) -> Course = { _ in .succeed(after: .zero) }
    ) {
        self.definition = definition
        self.log = log
        self.wanted = wanted
        self.course = course
    }

    /// Runs as ordered.
    public func run(_ attempt: Attempt) async -> TaskOutcome {
        let index = log.begin(attempt)
        let outcome = await withTaskCancellationHandler {
            await act(attempt, index)
        } onCancel: {
            log.cancel(index)
        }
        log.end(index, outcome)
        return outcome
    }

    private func act(_ attempt: Attempt, _ index: Int) async -> TaskOutcome {
        do {
            let version = try await wanted(attempt)
            try Task.checkCancellation()
            log.read(version, in: index)
        } catch {
            return Task.isCancelled ? .interrupted : .tryLater
        }
        switch course(attempt) {
        case .succeed(let duration):
            if duration > .zero { try? await Task.sleep(for: duration) }
            return Task.isCancelled ? .interrupted : .done(result: nil)
        case .fail:
            return .failed(OperationFailure(code: Self.failureCode, message: "it was told to fail"))
        case .tryLater:
            return .tryLater
        case .hang:
            // Ends by cancellation only.
            while (try? await Task.sleep(for: .seconds(60))) != nil {}
            return .interrupted
        }
    }
}

import ClusterEngine
import ClusterModel
import ClusterReports

/// Waits for the end of operations, telling on a terminal how far they are.
enum EndProgress {
    /// The interval at which what is shown is renewed; ends are told when they come all the same.
    private static let interval: Duration = .seconds(1)

    /// Waits for the end of operations, up to a moment.
    static func ends(
        of ids: [OperationID],
        until deadline: ContinuousClock.Instant?,
        on cluster: ClusterConnection
    ) async throws -> (states: ListView<OperationStateView>, inTime: Bool) {
        let watcher = Terminal.showsProgress ? Self.watcher(count: ids.count) : nil
        defer { if watcher != nil { Talk.progress("") } }
        return try await cluster.ends(of: ids, timeout: deadline.map { $0 - .now }, watcher: watcher)
    }

    /// Throws unless all have completed in time.
    static func requireComplete(_ states: [OperationStateView], inTime: Bool) throws {
        if !inTime {
            let live = states.filter { !$0.state.isTerminal }
            throw Failure(.timedOut, "timed out: \(named(live)) \(live.count == 1 ? "has" : "have") not ended")
        }
        let bad = states.filter { $0.state != .complete }
        guard bad.isEmpty else { throw Failure(.failed, "did not complete: \(named(bad))") }
    }

    private static func watcher(count: Int) -> EndWatcher {
        let begun = ContinuousClock.now
        return EndWatcher(every: interval) { states in
            let ended = states.values.count(where: \.isTerminal)
            let running = states.values.count { $0 == .executing || $0 == .folded }
            let passed = (ContinuousClock.now - begun).components.seconds
            Talk.progress("\(ended) of \(count) ended, \(running) executing, \(passed) s")
        }
    }

    private static func named(_ states: [OperationStateView]) -> String {
        named(states.map { "\($0.uuid) (\($0.state.rawValue))" })
    }

    /// Names the first few, so that the line stays readable.
    static func named(_ operations: [String]) -> String {
        let names = operations.prefix(3).joined(separator: ", ")
        return operations.count > 3 ? "\(names) and \(operations.count - 3) more" : names
    }
}

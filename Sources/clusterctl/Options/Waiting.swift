import ArgumentParser
import ClusterEngine
import ClusterModel

/// Waits for something to come about, up to a time.
struct Waiting: ParsableArguments {
    @Option(
        help: "The longest wait, such as 30s or 5m; default none.",
        transform: { try DurationText($0) }
    )
    var timeout: DurationText?

    /// The end of a wait that begins now; nil is none.
    func deadline() -> ContinuousClock.Instant? { timeout.map { .now + $0.duration } }

    /// Looks again and again until `isDone`; returns the last look, and whether it was done in time.
    ///
    /// The first look is always taken, also when no time is given.
    static func poll<Value>(
        until deadline: ContinuousClock.Instant?,
        _ look: () async throws -> Value,
        isDone: (Value) -> Bool
    ) async throws -> (value: Value, inTime: Bool) {
        let clock = ContinuousClock()
        var pace = PollPace()
        while true {
            let value = try await look()
            if isDone(value) { return (value, true) }
            let left = deadline.map { clock.now.duration(to: $0) }
            if let left, left <= .zero { return (value, false) }
            try await Task.sleep(for: pace.pause(left: left), clock: clock)
        }
    }
}

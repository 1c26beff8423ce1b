/// How often a command looks whether what it waits for has come: soon at first, then once a second.
package struct PollPace: Sendable {
    private static let first: Duration = .milliseconds(20)
    private static let longest: Duration = .seconds(1)

    private var next = PollPace.first

    package init() {}

    /// The pause before the next look, cut at the time that is left.
    package mutating func pause(left: Duration?) -> Duration {
        defer { next = min(next * 2, Self.longest) }
        return min(next, left ?? next)
    }
}

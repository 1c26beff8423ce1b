/// The pace at which a command polls for what it waits for: often at first, then more and more rarely.
package struct PollPace: Sendable {
    private var next: Duration
    private let longest: Duration

    /// For a wait that nobody rings: from 20 ms to once a second.
    package init() {
        self.init(first: .milliseconds(20), longest: .seconds(1))
    }

    package init(first: Duration, longest: Duration) {
        next = first
        self.longest = longest
    }

    /// For a wait that is rung: the look is for a ring that was lost, as the workers' polls are, and costs a read by
    /// key.
    static let besideDoorbell = PollPace(first: .seconds(2), longest: .seconds(5))

    /// The pause before the next look, cut at the time that is left.
    package mutating func pause(left: Duration?) -> Duration {
        defer { next = min(next * 2, longest) }
        return min(next, left ?? next)
    }
}

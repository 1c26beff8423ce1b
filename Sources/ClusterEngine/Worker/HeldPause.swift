/// Decides how soon the queues are read again while all that waits in them is held by others.
///
/// Pure.
///
/// Far sooner than a poll, because most rows are held for milliseconds; and ever less often, because the others are
/// held for as long as somebody stands still.
struct HeldPause: Sendable {
    /// Some transactions of ours later.
    static let shortest: Duration = .milliseconds(100)

    private let longest: Duration
    private var pause = Self.shortest

    /// Starts with the shortest pause; `longest` is that of a poll.
    init(longest: Duration) {
        self.longest = longest
    }

    /// Returns the next pause, each twice as long as the one before.
    mutating func next() -> Duration {
        defer { pause = min(pause * 2, longest) }
        return min(pause, longest)
    }

    /// Begins again, after something was taken.
    mutating func reset() { pause = Self.shortest }
}

/// Decides how soon the queues are read again while all that waits in them is held by others.
///
/// Pure.
///
/// The first time a row is waited for at once, because most are held for milliseconds. Only the first time: of many
/// workers that meet on the last rows of a queue each would wait behind all others. After that the queues are read far
/// sooner than by a poll, and ever less often, because the other rows are held for as long as somebody stands still.
struct HeldPause: Sendable {
    /// Some transactions of ours later.
    static let shortest: Duration = .milliseconds(100)

    private let longest: Duration
    private var pause = Self.shortest
    /// A Boolean value that indicates whether something was taken since the last pause.
    private(set) var isFirst = true

    /// Starts with the shortest pause; `longest` is that of a poll.
    init(longest: Duration) {
        self.longest = longest
    }

    /// Returns the next pause, each twice as long as the one before.
    mutating func next() -> Duration {
        defer {
            pause = min(pause * 2, longest)
            isFirst = false
        }
        return min(pause, longest)
    }

    /// Begins again, after something was taken.
    mutating func reset() { self = HeldPause(longest: longest) }
}

import ChildProcess

/// The whole lines of a collected output, read as they come.
struct OutputLines: Sendable {
    private var position: Int
    private var rest: [UInt8] = []
    /// A Boolean value that indicates whether what comes next is the end of a line whose beginning was dropped.
    private var isTorn = false

    /// Begins after what was written so far.
    init(after output: CollectedOutput?) { position = output?.total ?? 0 }

    /// Returns whether something has come since the last call.
    func hasNews(_ total: Int) -> Bool { total > position }

    /// Takes the lines that were ended since the last call.
    ///
    /// - Returns: The lines, and the number of bytes that were written and dropped between two calls.
    mutating func next(in output: CollectedOutput) -> (lines: [String], dropped: Int) {
        let new = output.total - position
        guard new > 0 else { return ([], 0) }
        let dropped = max(0, new - output.bytes.count)
        if dropped > 0 { (rest, isTorn) = ([], true) }
        position = output.total
        rest += output.bytes.suffix(new)
        var lines: [String] = []
        var start = rest.startIndex
        while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
            if isTorn { isTorn = false } else { lines.append(String(decoding: rest[start..<end], as: UTF8.self)) }
            start = end + 1
        }
        rest.removeFirst(start)
        return (lines, dropped)
    }
}

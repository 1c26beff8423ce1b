/// Keeps the first or the last bytes of a stream, in bounded memory.
struct OutputBuffer {
    let limit: Int
    let kept: StandardOutput.Kept
    private var bytes: [UInt8] = []
    private var head: [UInt8] = []
    private(set) var total = 0

    init(limit: Int, keeping kept: StandardOutput.Kept) {
        precondition(limit >= 0, "a limit is a number of bytes")
        self.limit = limit
        self.kept = kept
    }

    mutating func append(_ more: [UInt8]) {
        total += more.count
        switch kept {
        case .head: bytes += more.prefix(limit - bytes.count)
        case .tail: appendToTail(more)
        case .tailAndHead(let longest):
            head += more.prefix(longest - head.count)
            appendToTail(more)
        }
    }

    private mutating func appendToTail(_ more: [UInt8]) {
        bytes += more.suffix(limit)
        // Cut only when it has doubled, so that the moving costs O(1) a byte.
        if bytes.count > 2 * limit { bytes.removeFirst(bytes.count - limit) }
    }

    var collected: CollectedOutput {
        CollectedOutput(bytes: kept == .head ? bytes : Array(bytes.suffix(limit)), total: total, head: head)
    }
}

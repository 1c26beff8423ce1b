import Testing

@testable import ChildProcess

@Suite("Output in bounded memory")
struct OutputBufferTests {
    private func collected(_ chunks: [[UInt8]], limit: Int, _ kept: StandardOutput.Kept) -> CollectedOutput {
        var buffer = OutputBuffer(limit: limit, keeping: kept)
        for chunk in chunks { buffer.append(chunk) }
        return buffer.collected
    }

    @Test("what fits is kept whole and is not truncated", arguments: [StandardOutput.Kept.head, .tail])
    func fits(kept: StandardOutput.Kept) {
        let output = collected([[1, 2], [3]], limit: 3, kept)
        #expect(output == CollectedOutput(bytes: [1, 2, 3], total: 3))
        #expect(!output.isTruncated)
    }

    @Test("a head keeps the first bytes, a tail the last, however the stream is cut into chunks", arguments: 1...11)
    func cuts(size: Int) {
        let stream = (0..<100).map { UInt8($0) }
        let chunks = stride(from: 0, to: 100, by: size).map { Array(stream[$0..<min($0 + size, 100)]) }
        #expect(collected(chunks, limit: 7, .head) == CollectedOutput(bytes: Array(stream.prefix(7)), total: 100))
        #expect(collected(chunks, limit: 7, .tail) == CollectedOutput(bytes: Array(stream.suffix(7)), total: 100))
        #expect(collected(chunks, limit: 7, .tail).isTruncated)
    }

    @Test("a tail with a head keeps both ends, which may overlap", arguments: 1...11)
    func ends(size: Int) {
        let stream = (0..<100).map { UInt8($0) }
        let chunks = stride(from: 0, to: 100, by: size).map { Array(stream[$0..<min($0 + size, 100)]) }
        for (limit, head) in [(7, 5), (80, 60), (200, 200)] {
            let expected = CollectedOutput(
                bytes: Array(stream.suffix(limit)),
                total: 100,
                head: Array(stream.prefix(head))
            )
            #expect(collected(chunks, limit: limit, .tailAndHead(head)) == expected)
        }
    }

    @Test("a limit of zero keeps nothing and still counts")
    func zero() {
        #expect(collected([[1, 2, 3]], limit: 0, .head) == CollectedOutput(bytes: [], total: 3))
        #expect(collected([[1, 2, 3]], limit: 0, .tail) == CollectedOutput(bytes: [], total: 3))
    }
}

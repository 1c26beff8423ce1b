import ClusterModel
import Testing

@Suite struct ProbeMessageTests {
    private let request = ProbeMessage(
        kind: .request,
        sender: .new(),
        receiver: .new(),
        sequence: 0x0102_0304,
        nonce: 0xfedc_ba98_7654_3210
    )

    @Test func `a probe is read as it was written, with and without padding`() {
        for length in [ProbeMessage.headerLength, 1472, ProbeMessage.longest] {
            let bytes = request.encoded(length: length)
            #expect(bytes.count == length)
            #expect(ProbeMessage(bytes) == request)
        }
        let bytes = request.encoded()
        #expect(bytes[0..<8] == [0x43, 0x4f, 0x50, 0x52, 1, 1, 0, 0] && bytes[8..<12] == [1, 2, 3, 4])
    }

    @Test func `an answer names who answers and repeats what only the two know, and is answered by nobody`() throws {
        let (here, other) = (NodeID.new(), NodeID.new())
        let answer = try #require(request.answer(by: here))
        #expect(answer.sender == here && answer.receiver == request.sender && answer.kind == .answer)
        #expect(answer.nonce == request.nonce && answer.sequence == request.sequence)
        #expect(answer.answer(by: other) == nil)
    }

    @Test func `what is cut short, of another version, of another kind or of another program is no probe`() {
        let bytes = request.encoded(length: 60)
        for length in 0..<ProbeMessage.headerLength { #expect(ProbeMessage(bytes.prefix(length)) == nil) }
        for (index, value) in [(0, UInt8(0)), (3, 0xff), (4, 2), (5, 0), (5, 3)] {
            var changed = bytes
            changed[index] = value
            #expect(ProbeMessage(changed) == nil, "\(index)")
        }
    }
}

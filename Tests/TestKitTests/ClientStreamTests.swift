import Testing

@testable import ClusterOpsTestKit

@Suite struct ClientStreamTests {
    private func packet(_ command: UInt8, _ payload: [UInt8], number: UInt8 = 0) -> [UInt8] {
        let length = payload.count + 1
        return [UInt8(length & 0xff), UInt8(length >> 8 & 0xff), UInt8(length >> 16), number, command] + payload
    }

    @Test(arguments: [1, 2, 7, 1000])
    func `a COMMIT is found with what was run before it, however the bytes are cut`(size: Int) {
        var stream = ClientStream()
        var events: [ClientStream.Event] = []
        var passed: [UInt8] = []
        func feed(_ bytes: [UInt8]) {
            for start in stride(from: 0, to: bytes.count, by: size) {
                for packet in stream.feed(bytes[start..<min(start + size, bytes.count)]) {
                    passed += packet.bytes
                    if let event = packet.event { events.append(event) }
                }
            }
        }
        // A handshake's packet is no command, whatever it begins with.
        let login = packet(0x03, Array("COMMIT".utf8), number: 1)
        let begin = packet(0x03, Array("START TRANSACTION".utf8))
        let prepare = packet(0x16, Array("UPDATE t SET x = ?".utf8))
        feed(login + begin + prepare)
        stream.answered([12, 0, 0, 1, 0, 7, 0])
        stream.answered([0, 0, 0, 0, 1, 0, 0])
        let rest = packet(0x17, [7, 0, 0, 0, 0]) + packet(0xfa, [7, 0, 0, 0, 0]) + packet(0x03, Array("COMMIT".utf8))
        feed(rest)
        #expect(passed == login + begin + prepare + rest, "nothing is changed")
        let update = "UPDATE t SET x = ?"
        #expect(events.map(\.text) == ["START TRANSACTION", update, update, "COMMIT"])
        #expect(events.last?.isCommit == true && events.last?.transaction == [update, update])
    }
}

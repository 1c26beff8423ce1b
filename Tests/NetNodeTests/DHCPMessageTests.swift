import ClusterModel
import NetNode
import Testing

@Suite struct DHCPMessageTests {
    private let mac: MACAddress
    private let server: IPv4Address
    init() throws {
        mac = try MACAddress("02:00:00:00:00:0b")
        server = try IPv4Address("10.9.0.1")
    }

    private func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test func `a release names the lease and the server`() throws {
        let lease = LeaseFile.Lease(mac: mac, address: try IPv4Address("10.9.0.11"))
        let bytes = DHCPMessage.release(lease, to: server, transaction: 0x0102_0304).bytes
        #expect(
            hexadecimal(bytes.prefix(34))
                == "01010600" + "01020304" + "00000000" + "0a09000b" + "00000000" + "00000000" + "00000000"
                + "02000000000b"
        )
        #expect(hexadecimal(bytes[236...]) == "63825363" + "350107" + "36040a090001" + "ff")
    }

    @Test func `a discover names the relay that is told the answer`() {
        let bytes = DHCPMessage.discover(mac, by: server, transaction: 7).bytes
        #expect(hexadecimal(bytes[24..<28]) == "0a090001")
        #expect(hexadecimal(bytes[236...]) == "63825363" + "350101" + "ff")
    }

    @Test func `an offer is read back, and nothing that is cut short or is no answer`() throws {
        var offer = DHCPMessage(.offer, transaction: 0xffee_ddcc, mac: mac)
        offer.offered = try IPv4Address("10.9.0.11")
        offer.server = server
        var bytes = offer.bytes
        #expect(DHCPMessage(answer: bytes) == nil, "it is a question yet")
        bytes[0] = 2
        #expect(DHCPMessage(answer: bytes) == offer)
        // Options that are not asked for, and what stands behind the end.
        let others: [UInt8] = [0, 0, 51, 4, 0, 0, 14, 16]
        #expect(DHCPMessage(answer: bytes.dropLast() + others + [255, 53]) == offer)
        for count in 0..<bytes.count { #expect(DHCPMessage(answer: Array(bytes.prefix(count))) == nil) }
        var strange = bytes
        strange[242] = 99
        #expect(DHCPMessage(answer: strange) == nil)
    }

    @Test func `a DNS answer is one with the question's number, be it a refusal`() {
        let query = NameQuery.version(id: 0x1234)
        #expect(
            hexadecimal(query.bytes)
                == "1234" + "0100" + "0001" + "0000" + "0000" + "0000" + "0776657273696f6e0462696e6400" + "0010"
                + "0003"
        )
        #expect(!query.isAnswered(by: query.bytes))
        var answer = query.bytes
        answer[2] |= 0x80
        #expect(query.isAnswered(by: answer))
        answer[3] = 5
        #expect(query.isAnswered(by: answer) && !query.isAnswered(by: Array(answer.prefix(11))))
        #expect(!NameQuery.version(id: 0x1235).isAnswered(by: answer))
    }
}

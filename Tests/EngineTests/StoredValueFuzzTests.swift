import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// What stands in rows, and what comes to a doorbell, may be anything.
@Suite(.timeLimit(.minutes(15))) struct StoredValueFuzzTests {
    /// The lists that queries gather in one text.
    private static let lists: [(name: String, samples: [String], read: @Sendable (String) throws -> SQLValue)] = [
        ("allowed addresses", ["10.9.0.0/24 10.9.1.7/32", ""], { try AllowedAddressList($0).sqlValue }),
        ("floating ports", ["tcp/80 udp/53", "tcp/65535"], { try FloatingPortList($0).sqlValue }),
        (
            "witnesses", ["0190163d-8694-739b-aea5-966c26f8ad91 0190163d-8694-739b-aea5-966c26f8ad92"],
            { try WitnessNames($0).sqlValue }
        ),
    ]

    @Test func `no text of a column makes a list trap, and what it reads it writes so that it reads the same`() {
        for (name, samples, read) in Self.lists {
            let fuzz = Fuzz(name) { random in
                let text = random.text(like: samples)
                do {
                    guard case .text(let written) = try read(text), case .text(let again) = try read(written) else {
                        return .wrong("\(text.debugDescription) is no text any more")
                    }
                    return again == written ? .accepted : .wrong("\(text.debugDescription): \(written), \(again)")
                } catch {
                    return "\(error)".hasHiddenCharacters ? .wrong("a refusal hides \(error)") : .refused
                }
            }
            #expect(fuzz.complaints == [])
            #expect(fuzz.accepted > 0)
        }
    }

    @Test func `no datagram but the one byte rings a doorbell`() {
        let fuzz = Fuzz("doorbell datagram") { random in
            let bytes = random.bytes(like: [[1], [1, 1], [0], []])
            guard DoorbellDatagram.isRing(bytes) else { return bytes == [1] ? .wrong("\(bytes)") : .refused }
            return bytes == [1] ? .accepted : .wrong("\(bytes)")
        }
        #expect(fuzz.complaints == [])
        #expect(fuzz.accepted > 0)
    }
}

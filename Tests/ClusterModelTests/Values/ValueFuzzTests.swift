import ClusterModel
import ClusterOpsTestKit
import Foundation
import Testing

/// What values and documents are read from may be anything.
@Suite(.timeLimit(.minutes(15))) struct ValueFuzzTests {
    /// Every type that parses, with a text that is right, and pieces from which a random one has a chance to be.
    static let parsers: [Parser] = [
        Parser(NodeName.self, "hv1", ["a", "z", "0", "-", "any", "-network", "A"]),
        Parser(NetworkName.self, "blue-1", ["a", "z", "0", "-"]),
        Parser(HostName.self, "web-1", ["a", "Z", "0", "-"]),
        Parser(DomainName.self, "a.example", ["a", "Z", "0", "-", ".", "example"]),
        Parser(LinkName.self, "eth0.7", ["e", "0", ".", "-", "_"]),
        Parser(TaskName.self, "reboot_node", ["a", "0", "_"]),
        Parser(MACAddress.self, "52:54:00:00:00:0b", ["00:", "5E:", "52-", "ff", ":", "-", "+", "0"]),
        Parser(IPv4Address.self, "10.9.0.1", ["10.", "0.", "255", "1", "0", "."]),
        Parser(CIDR.self, "10.9.0.0/24", ["10.", "0.", "0.", "0", "/8", "/24", "/", "1"]),
        Parser(IPv4CIDR.self, "10.9.0.7/32", ["10.", "0.", "0.", "0", "/8", "/32", "/", "1"]),
        Parser(FloatingPort.self, "tcp/80", ["tcp", "udp", "/", "8", "0", "65535"]),
        Parser(VNI.self, "100", ["1", "0", "7"]),
        Parser(MTU.self, "1450", ["1", "5", "0"]),
        Parser(Lane.self, "user_facing_high_io", ["user", "_", "waiting", "facing", "high_io", "background"]),
        Parser(
            QueueName.self,
            "hv1-network-background",
            ["any", "networknode", "-", "network", "hv", "background", "user_facing"]
        ),
        Parser(QueuePattern.self, "any-*", ["any", "*", "-", "network", "hv", "background", "user_facing"]),
        Parser(
            OperationID.self,
            "0190163d-8694-739b-aea5-966c26f8ad91",
            ["0190163d", "-", "8694", "739b", "aea5", "966c26f8ad91", "F"]
        ),
        Parser(
            OperationReference.self,
            "0190163d-8694",
            ["0190163d", "-", "8694", "739b", "aea5", "966c26f8ad91", "F"]
        ),
        Parser(OperationLabel.self, "release=42", ["release", "=", "42", "a/b", ".", "\u{7f}"]),
        Parser(HostPort.self, "10.0.0.1:3306", ["db", "1", "0", "10.0.0.1", ".", ":", ":3306"]),
        Parser(DurationText.self, "1.5h", ["1", "0", "9", ".", "ms", "s", "m", "h", "d"]),
    ]

    struct Parser: Sendable, CustomTestStringConvertible {
        let name: String
        let sample: String
        let alphabet: [String]
        let outcome: @Sendable (String) -> Fuzz.Outcome

        init<Value: TextValue>(_ type: Value.Type, _ sample: String, _ alphabet: [String]) {
            name = String(describing: type)
            self.sample = sample
            self.alphabet = alphabet
            outcome = { text in
                let value: Value
                do throws(ValueError) {
                    value = try Value(text)
                } catch {
                    return error.description.hasHiddenCharacters ? .wrong("a refusal hides \(error)") : .refused
                }
                guard let again = try? Value(value.description),
                    let decoded = try? JSONDecoder().decode([Value].self, from: JSONEncoder().encode([value])),
                    again == value, again.description == value.description, decoded == [value]
                else { return .wrong("\(text.debugDescription) does not round-trip") }
                return value.description.hasHiddenCharacters && !(value is OperationLabel)
                    ? .wrong("\(text.debugDescription) hides something") : .accepted
            }
        }

        var testDescription: String { name }
    }

    @Test(arguments: parsers) func `no text makes a parser trap, and what it accepts round-trips`(parser: Parser) {
        let fuzz = Fuzz(parser.name) { random in
            let isFree = Bool.random(using: &random)
            return parser.outcome(
                isFree
                    ? random.text(alphabet: parser.alphabet, longest: 12) : random.text(like: [parser.sample])
            )
        }
        #expect(fuzz.complaints == [])
        #expect(fuzz.accepted > 0)
    }

    private static let documents = [
        #"{"a":[1,-2.5e+10,true,false,null,"b\u00e9\n\ud83d\ude00"],"c":{"d":{},"e":[]}}"#,
        "[[[[[[[[1]]]]]]]]", #"{"n":123456789012345678901234567890,"z":-0.0,"one":1.0}"#, #""text""#,
        " 18446744073709551615 ",
    ]

    @Test func `no bytes make the JSON reader trap, and what it reads it writes so that it reads the same`() {
        let samples = Self.documents.map { Array($0.utf8) }
        let fuzz = Fuzz("JSON document") { random in
            let bytes = random.bytes(like: samples)
            let value: JSONValue
            do throws(JSONError) {
                value = try JSONValue(parsing: bytes, limits: JSONLimits(bytes: 4096, levels: 32))
            } catch {
                return error.reason.hasHiddenCharacters ? .wrong("a refusal hides \(error.reason)") : .refused
            }
            for layout in [JSONWriter.Layout.compact, .pretty] {
                let text = JSONWriter(layout).text(of: value)
                guard (try? JSONValue(parsing: text, limits: JSONLimits(bytes: 65_536, levels: 32))) == value else {
                    return .wrong("\(bytes) does not round-trip: \(text)")
                }
                if text.utf8.contains(where: { $0 < 0x20 && $0 != 0x0a }) { return .wrong("\(bytes) writes a control") }
            }
            // Foundation's reader takes what this one takes, but for numbers that no Double holds.
            let hasGreatNumber = value.text.utf8.contains { $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "E") }
            let isRead = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            return isRead || hasGreatNumber ? .accepted : .wrong("Foundation does not read \(bytes)")
        }
        #expect(fuzz.complaints == [])
        #expect(fuzz.accepted > 0)
    }

    @Test func `a pattern matches as the plain definition says`() {
        /// The definition: the first star stands for nothing, or for one character and what it stands for afterwards.
        func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
            guard let first = pattern.first else { return text.isEmpty }
            if first == UInt8(ascii: "*") {
                return matches(pattern.dropFirst(), text) || (!text.isEmpty && matches(pattern, text.dropFirst()))
            }
            return text.first == first && matches(pattern.dropFirst(), text.dropFirst())
        }
        let fuzz = Fuzz("pattern") { random in
            let pattern = random.text(alphabet: ["a", "b", "ab", "*", "-"], longest: 6)
            let text = random.text(alphabet: ["a", "b", "ab", "-", "*"], longest: 8)
            let expected = matches(Array(pattern.utf8)[...], Array(text.utf8)[...])
            guard Glob(pattern).matches(text) == expected else { return .wrong("\(pattern) and \(text)") }
            return expected ? .accepted : .refused
        }
        #expect(fuzz.complaints == [])
        #expect(fuzz.accepted > 0)
    }

    @Test func `bytes of any kind are read as a probe or refused, and never more than its header counts`() {
        let request = ProbeMessage(
            kind: .request,
            sender: .new(),
            receiver: .new(),
            sequence: 0x0102_0304,
            nonce: 0xfedc_ba98_7654_3210
        )
        let samples = [request.encoded(), request.encoded(length: 80), request.answer(by: .new())?.encoded() ?? []]
        let fuzz = Fuzz("probe datagram") { random in
            let bytes = random.bytes(like: samples)
            guard let message = ProbeMessage(bytes) else { return .refused }
            let isSame = ProbeMessage(message.encoded()) == message && message.encoded().prefix(6) == bytes.prefix(6)
            return isSame ? .accepted : .wrong("\(bytes)")
        }
        #expect(fuzz.complaints == [])
        #expect(fuzz.accepted > 0)
    }

    @Test func `bytes of any kind are read as a witness's datagram or refused`() {
        let question = WitnessMessage(.question, nonce: 0xfedc_ba98_7654_3210, holder: .new(), witness: .new())
        let fuzz = Fuzz("witness datagram") { random in
            let bytes = random.bytes(like: [question.encoded])
            guard let message = WitnessMessage(bytes) else { return .refused }
            let isSame =
                message.encoded.prefix(6) == bytes.prefix(6) && message.encoded.dropFirst(8) == bytes.dropFirst(8)
            return isSame ? .accepted : .wrong("\(bytes)")
        }
        #expect(fuzz.complaints == [])
        #expect(fuzz.accepted > 0)
    }
}

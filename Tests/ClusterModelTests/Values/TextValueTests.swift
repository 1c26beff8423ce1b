import ClusterModel
import ClusterOpsTestKit
import Foundation
import Testing

@Suite struct TextValueTests {
    /// Every type that parses, with pieces of text from which a random string has a chance to be right.
    static let parsers: [Parser] = [
        Parser(NodeName.self, ["a", "z", "0", "-", "any", "-network", "A"]),
        Parser(NetworkName.self, ["a", "z", "0", "-"]),
        Parser(HostName.self, ["a", "Z", "0", "-"]),
        Parser(DomainName.self, ["a", "Z", "0", "-", ".", "example"]),
        Parser(LinkName.self, ["e", "0", ".", "-", "_"]),
        Parser(TaskName.self, ["a", "0", "_"]),
        Parser(MACAddress.self, ["00:", "5E:", "52-", "ff", ":", "-", "+", "0"]),
        Parser(IPv4Address.self, ["10.", "0.", "255", "1", "0", "."]),
        Parser(CIDR.self, ["10.", "0.", "0.", "0", "/8", "/24", "/", "1"]),
        Parser(IPv4CIDR.self, ["10.", "0.", "0.", "0", "/8", "/32", "/", "1"]),
        Parser(VNI.self, ["1", "0", "7"]),
        Parser(MTU.self, ["1", "5", "0"]),
        Parser(Lane.self, ["user", "_", "waiting", "facing", "high_io", "background"]),
        Parser(QueueName.self, ["any", "networknode", "-", "network", "hv", "background", "user_facing"]),
        Parser(OperationID.self, ["0190163d", "-", "8694", "739b", "aea5", "966c26f8ad91", "F"]),
        Parser(HostPort.self, ["db", "1", "0", "10.0.0.1", ".", ":", ":3306"]),
        Parser(DurationText.self, ["1", "0", "9", ".", "ms", "s", "m", "h", "d"]),
    ]

    struct Parser: Sendable, CustomTestStringConvertible {
        let name: String
        let alphabet: [String]
        /// The canonical text and what it gives when it is parsed again, or nil when the text was refused.
        let roundTrip: @Sendable (String) throws -> (canonical: String, again: String, equal: Bool)?

        init<Value: TextValue>(_ type: Value.Type, _ alphabet: [String]) {
            name = String(describing: type)
            self.alphabet = alphabet
            roundTrip = { text in
                guard let value = try? Value(text) else { return nil }
                let again = try Value(value.description)
                let decoded = try JSONDecoder().decode([Value].self, from: JSONEncoder().encode([value]))
                return (value.description, again.description, again == value && decoded == [value])
            }
        }

        var testDescription: String { name }
    }

    @Test("No text makes a parser trap, and what it accepts round-trips", arguments: parsers)
    func fuzz(parser: Parser) throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        var accepted = 0
        for step in 0..<5_000 {
            let text = random.text(alphabet: parser.alphabet, longest: 12)
            let outcome: (canonical: String, again: String, equal: Bool)?
            do {
                outcome = try parser.roundTrip(text)
            } catch {
                Issue.record("\(text.debugDescription) does not round-trip (seed \(seed), step \(step)): \(error)")
                continue
            }
            guard let outcome else { continue }
            accepted += 1
            #expect(outcome.canonical == outcome.again, "seed \(seed), step \(step), \(text.debugDescription)")
            #expect(outcome.equal, "seed \(seed), step \(step), \(text.debugDescription)")
        }
        // The rarest acceptance is a whole UUID or MAC address out of pieces; the tables cover those.
        let isRare = ["TypedID<OperationKind>", "MACAddress", "CIDR", "Lane"].contains(parser.name)
        #expect(isRare || accepted > 0, "seed \(seed): nothing was accepted, so nothing was tested")
    }

    @Test("A value is one string in JSON, and text that does not parse does not decode")
    func json() throws {
        let names = try [NodeName("hv1"), NodeName("hv2")]
        #expect(String(decoding: try JSONEncoder().encode(names), as: UTF8.self) == #"["hv1","hv2"]"#)
        #expect(try JSONDecoder().decode([NodeName].self, from: Data(#"["hv1","hv2"]"#.utf8)) == names)
        let error = #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([NodeName].self, from: Data(#"["HV1"]"#.utf8))
        }
        guard case .dataCorrupted(let context) = error else {
            Issue.record("expected dataCorrupted, found \(String(describing: error))")
            return
        }
        #expect(context.codingPath.count == 1)
        #expect(context.debugDescription.contains("node name"))
        #expect(String(decoding: try JSONEncoder().encode([Lane.background]), as: UTF8.self) == #"["background"]"#)
    }

    @Test("A refusal names the kind of value, what is expected and what was found")
    func message() {
        let error = #expect(throws: ValueError.self) { try NodeName("HV1") }
        #expect(
            error?.description
                == #"node name: expected 1 to 63 lower-case letters, digits and dashes, with no dash first or last, found "HV1""#
        )
    }

    @Test("A refusal shows control characters, direction marks, quotes and backslashes as escapes")
    func escapes() {
        let error = ValueError("thing", found: "a\n\u{1b}[31m\u{202e}\"\\é\u{a0}\0", expected: "x")
        #expect(error.found == #"a\u{a}\u{1b}[31m\u{202e}\"\\é\u{a0}\u{0}"#)
    }

    @Test("A refusal quotes at most 80 characters, even of one endless character")
    func truncation() {
        let long = ValueError("thing", found: String(repeating: "x", count: 1_000_000), expected: "y")
        #expect(long.found == String(repeating: "x", count: 80) + "…")
        let exact = ValueError("thing", found: String(repeating: "x", count: 80), expected: "y")
        #expect(exact.found == String(repeating: "x", count: 80))
        let marks = ValueError("thing", found: "e" + String(repeating: "\u{301}", count: 500), expected: "y")
        #expect(marks.found.unicodeScalars.count == 81)
        let controls = ValueError("thing", found: String(repeating: "\n", count: 80), expected: "y")
        #expect(controls.found.count <= 81)
    }
}

import ClusterModel
import Foundation
import Testing

@Suite struct TextValueTests {
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

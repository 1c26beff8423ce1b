import Foundation
import Testing

@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

@Suite struct JSONValueTests {
    private static let limits = JSONLimits(bytes: 1 << 20, levels: 31)

    private static func nested(_ levels: Int, _ inside: String = "") -> String {
        String(repeating: "[", count: levels) + inside + String(repeating: "]", count: levels)
    }

    private func read(_ text: String, _ limits: JSONLimits = limits) throws -> JSONValue {
        try JSONValue(parsing: text, limits: limits)
    }

    private func error(_ text: String, _ limits: JSONLimits = limits) -> JSONError? {
        #expect(throws: JSONError.self, "\(text.prefix(80))") { try JSONValue(parsing: text, limits: limits) }
    }

    @Test(arguments: [
        "1.0", "-0.0", "-0", "0", "1e400", "1E+2", "0.10", "9007199254740993", "18446744073709551615",
        "-9223372036854775808", "123456789012345678901234567890", "3.141592653589793238462643383279",
    ])
    func `a number is written as it was read`(_ literal: String) throws {
        #expect(try read(" [\(literal)] ").text == "[\(literal)]")
        #expect(try read("{\"a\":{\"b\":\(literal)}}").text == "{\"a\":{\"b\":\(literal)}}")
        #expect(try ContractDocument.text(of: ["x": try read(literal)]) == "{\"x\":\(literal)}")
    }

    @Test func `strings keep their characters, however they are escaped`() throws {
        let text = #""\u0041\ud83d\ude00\b\f\n\r\t\/\\\"\u0000é""#
        #expect(try read(text) == .string("A\u{1F600}\u{8}\u{C}\n\r\t/\\\"\0é"))
        #expect(try read(text).text == #""A😀\b\f\n\r\t/\\\"\u0000é""#)
        #expect(try read(read(text).text) == read(text))
    }

    @Test(arguments: [
        "01", "1.", ".5", "+1", "1e", "-", "[1,]", "[,1]", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "{1:2}", "nul", "True",
        "\"\\x\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\\u12g4\"", "\"\u{1}\"", "\"\n\"", "1 2",
        "[1] x",
        "NaN", "Infinity", "[1}", "{\"a\":1]", "]", "'a'", "/**/1", "\u{FEFF}1",
    ])
    func `what is no JSON is refused`(_ text: String) {
        let code = error(text)?.code
        #expect(code == .malformed || (code == .unfinished && "1. 1e - nul".contains(text)), "\(text)")
    }

    @Test func `bytes that are no UTF-8 are no JSON`() {
        for bytes: [UInt8] in [[0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0xFF, 0xFE, 0x31, 0x00]] {
            let error = #expect(throws: JSONError.self) { try JSONValue(parsing: bytes, limits: Self.limits) }
            #expect(error?.code == .malformed)
        }
    }

    @Test func `every beginning of a document is told from what is no JSON`() throws {
        let document = Array(#"{"key": [-1.5e+3, true, null, "\u00e9 \ud83d\ude00 é"], "z": {}}"#.utf8)
        for length in 0..<document.count {
            let error = #expect(throws: JSONError.self) {
                try JSONValue(parsing: Array(document.prefix(length)), limits: Self.limits)
            }
            #expect(error?.code == .unfinished, "\(length)")
        }
        _ = try JSONValue(parsing: document, limits: Self.limits)
    }

    @Test func `a key that stands twice in one object is refused by name`() throws {
        for text in ["{\"a\":1,\"a\":2}", "[{\"b\":{\"a\":1,\"c\":0,\"\\u0061\":1}}]"] {
            let error = error(text)
            #expect(error?.code == .repeatedKey && error?.reason.contains("\"a\"") == true)
        }
        #expect(
            try read("{\"a\":{\"a\":1},\"b\":{\"a\":1}}")
                == .object(["a": .object(["a": .integer(1)]), "b": .object(["a": .integer(1)])])
        )
    }

    @Test func `levels and bytes are counted to the limit and no further`() throws {
        #expect(try read(Self.nested(31)).text == Self.nested(31))
        #expect(error(Self.nested(32))?.code == .tooDeep)
        #expect(error("{\"a\":" + Self.nested(31) + "}")?.code == .tooDeep)
        #expect(error(String(repeating: "[", count: 100_000))?.code == .tooDeep)
        #expect(try read("[1]", JSONLimits(bytes: 3, levels: 1)) == .array([.integer(1)]))
        #expect(error("[1] ", JSONLimits(bytes: 3, levels: 1))?.code == .tooLong)
    }

    @Test func `neither blanks nor the order of keys are content, the way a number is written is`() throws {
        #expect(try read("{ \"a\" : 1,\n\"b\":[ ] }") == read("{\"b\":[],\"a\":1}"))
        for (one, other) in [("1", "1.0"), ("1", "1e0"), ("0", "-0"), ("1", "\"1\""), ("[1,2]", "[2,1]")] {
            #expect(try read(one) != read(other), "\(one) \(other)")
        }
    }

    /// Each took from 12 s to minutes with Foundation's decoder, in a release build.
    @Test(arguments: [60, 100, 500])
    func `the largest document takes no time, however deep it is`(_ levels: Int) throws {
        let part = Self.nested(levels, "1") + ","
        let text = "[" + String(repeating: part, count: 60_000 / part.utf8.count) + "1]"
        let value = try read(text, JSONLimits(bytes: 65_536, levels: 501))
        let began = ContinuousClock.now
        #expect(try read(text, JSONLimits(bytes: 65_536, levels: 501)) == value && value.text == text)
        #expect(ContinuousClock.now - began < .seconds(5))
        #expect(error(text, JSONLimits(bytes: 65_536, levels: 32))?.code == .tooDeep)
    }

    @Test func `a decoder of another library is not followed into any depth`() throws {
        let decoder = JSONDecoder()
        #expect(
            try decoder.decode(JSONValue.self, from: Data(Self.nested(40, "1").utf8))
                == read(Self.nested(40, "1"), JSONLimits(bytes: 100, levels: 40))
        )
        for levels in [100, 500] {
            #expect(throws: DecodingError.self) {
                try decoder.decode(JSONValue.self, from: Data(Self.nested(levels).utf8))
            }
        }
        let mixed = "{\"a\":[1,-2.5,18446744073709551615,true,null,\"x\",{}]}"
        #expect(try decoder.decode(JSONValue.self, from: Data(mixed.utf8)) == read(mixed))
    }

    /// A bit of everything that answers are made of.
    private struct Answer: Encodable {
        struct Part: Encodable {
            let name: String
            let count: UInt64
        }

        class Old: Encodable {
            let one = 1
        }

        final class Derived: Old {
            private enum Key: CodingKey { case two }
            override func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: Key.self)
                try container.encode(2, forKey: .two)
                try super.encode(to: container.superEncoder())
            }
        }

        let empty: [Int] = []
        let none: [String: Int] = [:]
        let text = "a/\u{08}\u{0c}\n\r\t\u{1f}\u{7f}\"\\é\u{2028}"
        let numbers = [1.0, 1e20, 1e-7, 0.1, -0.0, 1e16, 123_456_789_012_345_680.0]
        let small: Float = 0.1
        let parts = [Part(name: "b", count: .max), Part(name: "", count: 0)]
        let absent: Int? = nil
        let keyed = ["a_b": 1, "aB": 2, "ab": 3, "A": 4, "é": 5]
        let nested = [[true], [false, true]]
        let derived = Derived()
    }

    @Test func `answers are written byte by byte as Foundation's encoder writes them`() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        #expect(
            try ContractDocument.text(of: Answer()) == String(decoding: try encoder.encode(Answer()), as: UTF8.self)
        )
        encoder.outputFormatting.insert(.prettyPrinted)
        let pretty = String(decoding: try encoder.encode(Answer()), as: UTF8.self)
        #expect(try ContractDocument.text(of: Answer(), .pretty) == pretty)
        #expect(throws: EncodingError.self) { try ContractDocument.text(of: [Double.nan]) }
    }
}

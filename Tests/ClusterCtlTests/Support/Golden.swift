import ClusterModel
import Foundation

/// An example document under `docs/schemas`, against which real answers are held.
struct Golden {
    private let document: JSONValue

    /// Reads the example of a command, such as `op-show`.
    init(_ name: String) throws {
        document = try JSONDecoder().decode(JSONValue.self, from: try Self.data(name))
    }

    /// The example's text.
    static func data(_ name: String) throws -> Data {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return try Data(contentsOf: root.appendingPathComponent("docs/schemas/\(name).json"))
    }

    /// Every place where an answer's keys or JSON types differ from the example's; empty when it fits.
    ///
    /// In the answer, null may stand wherever the example has a value; an answer's list may be empty. An example's null
    /// fits everything. The objects under `open` may have any keys.
    func differences(from text: String, open: Set<String> = []) throws -> [String] {
        let answer = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        return Self.differences(document, answer, at: "", open: open)
    }

    private static func differences(
        _ example: JSONValue,
        _ answer: JSONValue,
        at path: String,
        open: Set<String>
    ) -> [String] {
        switch (example, answer) {
        case (.null, _), (_, .null): return []
        case (.object(let expected), .object(let found)):
            if open.contains(path) { return [] }
            let missing = expected.keys.filter { found[$0] == nil }.map { "\(path).\($0) is missing" }
            let extra = found.keys.filter { expected[$0] == nil }.map { "\(path).\($0) is not in the example" }
            let deeper = expected.flatMap { key, value in
                found[key].map { differences(value, $0, at: "\(path).\(key)", open: open) } ?? []
            }
            return (missing + extra + deeper).sorted()
        case (.array(let expected), .array(let found)):
            guard let member = expected.first else { return [] }
            return found.flatMap { differences(member, $0, at: "\(path)[]", open: open) }
        case (.bool, .bool), (.string, .string): return []
        default:
            return isNumber(example) && isNumber(answer) ? [] : ["\(path) is of another type"]
        }
    }

    private static func isNumber(_ value: JSONValue) -> Bool {
        switch value {
        case .integer, .unsigned, .number: true
        default: false
        }
    }
}

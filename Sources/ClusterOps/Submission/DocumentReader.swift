import Foundation
import Yams

/// Reads a document in JSON or YAML; pure.
package enum DocumentReader {
    /// Values of a document, aliases counted each time: a small file can name one list a billion times.
    private static let mostValues = 1_000_000

    /// Reads JSON if it is JSON, and else YAML, whose plain scalars have the types of YAML 1.2's core schema.
    ///
    /// - Throws: `ClusterOpsError` with code `invalid`, naming the source and the line.
    package static func read(_ text: String, from source: String) throws(ClusterOpsError) -> JSONValue {
        if let value = try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)) { return value }
        let node: Node?
        do {
            node = try compose(yaml: text, .default, .default, .utf8)
        } catch {
            throw ClusterOpsError(.invalid, "\(source)\(place(of: error)): expected JSON or YAML")
        }
        guard let node else { throw ClusterOpsError(.invalid, "\(source): expected a document, found nothing") }
        var left = mostValues
        return try value(of: node, left: &left, source)
    }

    private static func place(of error: any Error) -> String {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            " line \(mark.line): \(problem)"
        default: ""
        }
    }

    private static func value(
        of node: Node,
        left: inout Int,
        _ source: String
    ) throws(ClusterOpsError) -> JSONValue {
        left -= 1
        guard left > 0 else { throw ClusterOpsError(.invalid, "\(source): more than \(mostValues) values") }
        switch node {
        case .scalar(let scalar): return JSONValue(scalar)
        case .sequence(let sequence):
            var values: [JSONValue] = []
            for member in sequence { values.append(try value(of: member, left: &left, source)) }
            return .array(values)
        case .mapping(let mapping):
            var object: [String: JSONValue] = [:]
            for (key, member) in mapping {
                guard let name = key.scalar?.string else {
                    throw ClusterOpsError(.invalid, "\(source): expected keys of text")
                }
                object[name] = try value(of: member, left: &left, source)
            }
            return .object(object)
        case .alias: throw ClusterOpsError(.invalid, "\(source): expected no alias that stands for nothing")
        }
    }
}

extension JSONValue {
    /// A scalar of YAML 1.2's core schema; what is quoted is text whatever it looks like.
    fileprivate init(_ scalar: Node.Scalar) {
        let text = scalar.string
        guard scalar.style == .plain else {
            self = .string(text)
            return
        }
        switch text {
        case "", "~", "null", "Null", "NULL": self = .null
        case "true", "True", "TRUE": self = .bool(true)
        case "false", "False", "FALSE": self = .bool(false)
        default: self = Self.number(text) ?? .string(text)
        }
    }

    /// A number in decimal digits, with a fraction or an exponent or without.
    private static func number(_ text: String) -> JSONValue? {
        let isNumeric = text.utf8.allSatisfy { $0.isASCIIDigit || "+-.eE".utf8.contains($0) }
        guard isNumeric, text.utf8.contains(where: \.isASCIIDigit) else { return nil }
        if let value = Int64(text) { return .integer(value) }
        if let value = UInt64(text) { return .unsigned(value) }
        return Double(text).flatMap { $0.isFinite ? .number($0) : nil }
    }
}

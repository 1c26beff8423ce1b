import ClusterDaemon
import ClusterModel
import Foundation
import Yams

/// Reads a document in JSON or YAML; pure.
package enum DocumentReader {
    /// Values of a document, aliases counted each time: a small file can name one list a billion times.
    private static let mostValues = 1_000_000

    /// Of a submitted document: parameters stand in an object in a list in an object.
    private static let limits = JSONLimits(
        bytes: SubmittedGraph.largestDocument,
        levels: OperationRequest.deepestParameters + 3
    )

    /// Reads JSON if it is JSON, and else YAML, whose plain scalars have the types of YAML 1.2's core schema.
    ///
    /// - Throws: `ClusterOpsError` with code `invalid`, naming the source and the line.
    package static func read(_ text: String, from source: String) throws(ClusterOpsError) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue(parsing: text, limits: limits)
        } catch {
            // What is no JSON may be YAML; what is refused as JSON must not get through as YAML.
            guard error.code == .malformed || error.code == .unfinished else {
                throw ClusterOpsError(.invalid, "\(source): \(error.reason)")
            }
        }
        let node: Node?
        do {
            node = try compose(yaml: text, .default, .default, .utf8)
        } catch {
            throw ClusterOpsError(.invalid, "\(source)\(place(of: error)): expected JSON or YAML")
        }
        guard let node else { throw ClusterOpsError(.invalid, "\(source): expected a document, found nothing") }
        var left = mostValues
        return try value(of: node, left: &left, levels: limits.levels, source)
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
        levels: Int,
        _ source: String
    ) throws(ClusterOpsError) -> JSONValue {
        left -= 1
        guard left > 0 else { throw ClusterOpsError(.invalid, "\(source): more than \(mostValues) values") }
        if case .scalar(let scalar) = node { return JSONValue(scalar) }
        guard levels > 0 else {
            throw ClusterOpsError(.invalid, "\(source): nested more than \(limits.levels) levels deep")
        }
        switch node {
        case .scalar: preconditionFailure("returned above")
        case .sequence(let sequence):
            var values: [JSONValue] = []
            for member in sequence { values.append(try value(of: member, left: &left, levels: levels - 1, source)) }
            return .array(values)
        case .mapping(let mapping):
            var object: [String: JSONValue] = [:]
            for (key, member) in mapping {
                guard let name = key.scalar?.string else {
                    throw ClusterOpsError(.invalid, "\(source): expected keys of text")
                }
                let value = try value(of: member, left: &left, levels: levels - 1, source)
                guard object.updateValue(value, forKey: name) == nil else {
                    let key = ValueError.quotable(name)
                    throw ClusterOpsError(.invalid, "\(source): the key \"\(key)\" stands twice in one object")
                }
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
        // What JSON writes alike is kept to the letter.
        if let value = literal(text) { return value }
        if let value = Int64(text) { return .integer(value) }
        if let value = UInt64(text) { return .unsigned(value) }
        // YAML alone knows a plus, zeros in front and a point without digits at its side.
        let isNegative = text.hasPrefix("-")
        var digits = text.drop { "+-".contains($0) }.drop { $0 == "0" }[...]
        if !(digits.first?.isNumber ?? false) { digits = "0" + digits }
        let whole = (isNegative ? "-" : "") + digits
        guard Double(text)?.isFinite == true else { return nil }
        return literal(whole) ?? Double(text).flatMap(finite)
    }
}

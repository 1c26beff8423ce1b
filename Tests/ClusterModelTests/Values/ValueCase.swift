import ClusterModel
import Testing

/// One row of a table of values: text that is accepted, with its canonical form, or text that is refused.
struct ValueCase: Sendable, CustomTestStringConvertible {
    let text: String
    let canonical: String?

    static func accepted(_ text: String, as canonical: String? = nil) -> ValueCase {
        ValueCase(text: text, canonical: canonical ?? text)
    }

    static func refused(_ text: String) -> ValueCase {
        ValueCase(text: text, canonical: nil)
    }

    var testDescription: String {
        canonical.map { "\(text.debugDescription) is \($0)" } ?? "\(text.debugDescription.prefix(100)) is refused"
    }

    /// Parses the text as the type, and holds the outcome against the row.
    func check<Value: TextValue>(_ type: Value.Type, sourceLocation: SourceLocation = #_sourceLocation) throws {
        guard let canonical else {
            let error = #expect(throws: ValueError.self, sourceLocation: sourceLocation) { try Value(text) }
            #expect(error?.expected.isEmpty == false, sourceLocation: sourceLocation)
            return
        }
        let value = try Value(text)
        #expect(value.description == canonical, sourceLocation: sourceLocation)
        #expect(try Value(canonical) == value, sourceLocation: sourceLocation)
    }
}

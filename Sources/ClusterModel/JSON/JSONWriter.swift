/// Writes JSON values as text, with sorted keys, so that two documents can be compared; pure.
///
/// Recursive: what it writes was read within `JSONLimits`, or made by this program.
package struct JSONWriter {
    /// The layout of the text; both are as Foundation's encoder does it.
    package enum Layout: Sendable {
        /// On one line, without blanks.
        case compact
        /// A member or element a line.
        case pretty
    }

    private let layout: Layout

    package init(_ layout: Layout) {
        self.layout = layout
    }

    package func text(of value: JSONValue) -> String {
        var text: [UInt8] = []
        append(value, to: &text, indent: 0)
        return String(decoding: text, as: UTF8.self)
    }

    private func append(_ value: JSONValue, to text: inout [UInt8], indent: Int) {
        switch value {
        case .null: text.append(contentsOf: "null".utf8)
        case .bool(let value): text.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): text.append(contentsOf: String(value).utf8)
        case .unsigned(let value): text.append(contentsOf: String(value).utf8)
        case .number(let value): text.append(contentsOf: value.literal.utf8)
        case .string(let value): append(value, to: &text)
        case .array(let elements):
            list(elements, "[", "]", to: &text, indent: indent) { element, text in
                append(element, to: &text, indent: indent + 1)
            }
        case .object(let members):
            let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            list(sorted, "{", "}", to: &text, indent: indent) { member, text in
                append(member.key, to: &text)
                text.append(contentsOf: (layout == .pretty ? " : " : ":").utf8)
                append(member.value, to: &text, indent: indent + 1)
            }
        }
    }

    private func list<Member>(
        _ members: [Member],
        _ opening: String,
        _ closing: String,
        to text: inout [UInt8],
        indent: Int,
        _ append: (Member, inout [UInt8]) -> Void
    ) {
        text.append(contentsOf: opening.utf8)
        for (index, member) in members.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            beginLine(indent + 1, in: &text)
            append(member, &text)
        }
        if members.isEmpty, layout == .pretty { text.append(UInt8(ascii: "\n")) }
        beginLine(indent, in: &text)
        text.append(contentsOf: closing.utf8)
    }

    private func beginLine(_ indent: Int, in text: inout [UInt8]) {
        guard layout == .pretty else { return }
        text.append(UInt8(ascii: "\n"))
        text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * indent))
    }

    private func append(_ string: String, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""): text.append(contentsOf: "\\\"".utf8)
            case UInt8(ascii: "\\"): text.append(contentsOf: "\\\\".utf8)
            case 0x08: text.append(contentsOf: "\\b".utf8)
            case 0x0C: text.append(contentsOf: "\\f".utf8)
            case 0x0A: text.append(contentsOf: "\\n".utf8)
            case 0x0D: text.append(contentsOf: "\\r".utf8)
            case 0x09: text.append(contentsOf: "\\t".utf8)
            case 0..<0x20: text.append(contentsOf: "\\u00\(byte < 0x10 ? "0" : "")\(String(byte, radix: 16))".utf8)
            default: text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
    }
}

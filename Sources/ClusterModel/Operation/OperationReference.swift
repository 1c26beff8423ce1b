import Foundation

/// An operation as people name it: its id, or as many of the id's first digits as make it unique.
package struct OperationReference: TextValue {
    /// The least digits of an abbreviation: fewer are a slip of the finger.
    private static let shortest = 4
    private static let pattern = "00000000-0000-0000-0000-000000000000"

    /// The id or its beginning, in lower case.
    package let description: String
    /// The operation, when the whole id is given.
    package let id: OperationID?

    /// Parses a UUID, or its beginning with the hyphens where a UUID has them.
    ///
    /// - Throws: `ValueError` for anything else.
    package init(_ text: String) throws(ValueError) {
        if text.utf8.count >= Self.pattern.utf8.count {
            id = try OperationID(text)
            description = "\(try OperationID(text))"
            return
        }
        let fits = zip(text.utf8, Self.pattern.utf8).allSatisfy { character, place in
            place == UInt8(ascii: "-") ? character == place : character.isASCIIHexDigit
        }
        guard fits, text.utf8.count >= Self.shortest else {
            throw ValueError(
                OperationKind.kind,
                found: text,
                expected: "a UUID such as 0190163d-8694-739b-aea5-966c26f8ad91, or at least its first "
                    + "\(Self.shortest) digits"
            )
        }
        id = nil
        description = text.lowercased()
    }

    /// Names an operation by its whole id.
    package init(_ id: OperationID) {
        self.id = id
        description = "\(id)"
    }

    /// The least and the greatest value that begin so.
    package var range: ClosedRange<OperationID> {
        func filled(_ digit: String) -> OperationID {
            let rest = Self.pattern.dropFirst(description.utf8.count).replacing("0", with: digit)
            guard let uuid = UUID(uuidString: description + rest) else { preconditionFailure("checked when parsed") }
            return OperationID(rawValue: uuid)
        }
        return filled("0")...filled("f")
    }
}

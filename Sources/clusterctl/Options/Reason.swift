import ArgumentParser

/// The reason for an act, as the tables hold it.
struct Reason {
    /// The longest reason that the tables hold.
    private static let longest = 255

    let text: String

    /// Takes 1 to 255 characters.
    init(_ text: String) throws {
        guard (1...Self.longest).contains(text.unicodeScalars.count) else {
            throw ValidationError("expected 1 to \(Self.longest) characters")
        }
        self.text = text
    }
}

/// A part of an operation that is not shown, or was not kept.
public struct OmittedPart: Codable, Sendable, Hashable {
    /// The operation's key, such as `result`.
    public let part: String
    /// The reason, in words.
    public let reason: String

    package init(_ part: String, _ reason: String) {
        self.part = part
        self.reason = reason
    }
}

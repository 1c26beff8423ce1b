/// The limits within which a JSON document is read.
public struct JSONLimits: Sendable, Hashable {
    /// Bytes of its text.
    public let bytes: Int
    /// Arrays and objects around its innermost value.
    public let levels: Int

    /// Sets limits.
    public init(bytes: Int, levels: Int) {
        self.bytes = bytes
        self.levels = levels
    }
}

/// The reason why a text was not read as a JSON document.
public struct JSONError: Error, Sendable, Hashable {
    /// A kind of fault in the text.
    public enum Code: Sendable, Hashable {
        /// It is no JSON.
        case malformed
        /// It is the beginning of a document.
        case unfinished
        /// It has more bytes than the limit.
        case tooLong
        /// It has more levels than the limit.
        case tooDeep
        /// An object has a key twice: receivers differ in which they take.
        case repeatedKey
    }

    /// The kind of fault in the text.
    public let code: Code
    /// The same in words that follow "the document: ", with the place or the limit.
    public let reason: String
}

/// A queue name in which `*` stands for any run of characters, as `queue pause` takes it.
package struct QueuePattern: TextValue {
    /// The pattern as it was given.
    package let description: String

    /// Parses a pattern: without a star, the name of a queue.
    ///
    /// - Throws: `ValueError` for anything that can match no queue for want of its characters.
    package init(_ text: String) throws(ValueError) {
        let bytes = text.utf8
        let isPattern = bytes.allSatisfy {
            $0.isASCIILowercase || $0.isASCIIDigit || "-_*".utf8.contains($0)
        }
        let hasStar = bytes.contains(UInt8(ascii: "*"))
        guard isPattern, (1...QueueName.longest).contains(bytes.count), hasStar || (try? QueueName(text)) != nil else {
            throw ValueError(
                "queue pattern",
                found: text,
                expected: "the name of a queue, or a pattern with *, such as any-* or *-background"
            )
        }
        description = text
    }
}

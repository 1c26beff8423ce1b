import Foundation
import Testing

/// The log messages that documents and `doctor` send an operator to.
///
/// A quotation follows the words "log line" or "log lines", between backquotes in documents and between apostrophes in
/// messages: its log line 'reaping failed'.
@Suite struct QuotedLogTests {
    @Test func `every quoted log line is written by a program`() throws {
        let messages = try Self.messages()
        #expect(messages.count > 60)
        var quoted = 0
        for (path, text) in try Self.texts() {
            for line in Self.quotations(in: text) {
                quoted += 1
                #expect(messages.contains(line), "\(path) quotes '\(line)', which no program logs")
            }
        }
        // What finds none would find no wrong one either.
        #expect(quoted >= 8)
    }

    @Test func `nothing is quoted from a log without the words by which this test finds it`() throws {
        for (path, text) in try Self.texts() {
            let unmarked = text.matches(of: /\blogs? (?:says?|reads?) [`'"]|\blogs [`'"]|[`'"] in (?:its|the) log\b/)
            for match in unmarked { Issue.record("\(path): \(match.output)") }
        }
    }

    @Test func `quotations are found one by one`() {
        #expect(Self.quotations(in: "see the log line `a b`, and 'c'") == ["a b"])
        #expect(Self.quotations(in: "the log lines 'a', 'b c' and 'd'") == ["a", "b c", "d"])
        #expect(Self.quotations(in: "the log\nline `a\nb`") == ["a b"])
        #expect(Self.quotations(in: "look for 'a' in its log") == [])
    }

    /// The documents, and the messages of `doctor` and the other reports.
    private static func texts() throws -> [(path: String, text: String)] {
        let folders = ["docs", "docs/decisions"]
        var paths = try folders.flatMap { folder in
            try SourceFile.entries(of: folder).filter { $0.hasSuffix(".md") }.map { "\(folder)/\($0)" }
        }
        paths += ["README.md", "CONTRIBUTING.md"]
        let documents = try paths.map { (path: $0, text: try SourceFile.text(of: $0)) }
        let reports = try SourceFile.all(below: "Sources/ClusterReports").map { file in
            (path: file.path, text: SourceText(file.text).literals.joined(separator: "\n\n"))
        }
        return documents + reports
    }

    private static func quotations(in text: String) -> [String] {
        let marked = /log\s+lines?\s+((?:[`'][^`']+[`'](?:,\s+|\s+and\s+|\s+or\s+)?)+)/
        return text.matches(of: marked).flatMap { match in
            let isOne = match.output.0.contains(/line\s/)
            let quotations = match.output.1.matches(of: /[`']([^`']+)[`']/).map {
                String($0.output.1.replacing(/\s+/, with: " "))
            }
            return isOne ? Array(quotations.prefix(1)) : quotations
        }
    }

    /// The constant parts of all messages: of log calls, and of troubles, which stand in the key `reason`.
    private static func messages() throws -> Set<String> {
        var messages: Set<String> = []
        for file in try SourceFile.all(below: "Sources") where !file.isForTests {
            let call = /(?:\blogger\.[a-z]+\((?:level: \w+,)?|\.report\(|\blog\(\s*\.[a-z]+,)\s*"([^"\\]+)/
            for match in file.text.matches(of: call) {
                messages.insert(match.output.1.trimmingCharacters(in: [":", " "]))
            }
        }
        return messages
    }
}

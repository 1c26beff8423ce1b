import Foundation

/// A table of `docs/reference.md`, for tests that compare it with the code.
public struct ReferenceTable: Sendable, Hashable {
    /// An error of the document.
    public struct Malformed: Error, CustomStringConvertible {
        /// The heading, and what is wrong below it.
        public let description: String
    }

    /// The cells of each row below the header.
    public let rows: [[String]]

    /// Reads the first table below a heading.
    ///
    /// - Parameter heading: The text of a heading of any level.
    /// - Throws: `Malformed` when there is no such heading, or no table before the next one.
    public init(under heading: String) throws {
        let document = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "docs/reference.md")
        let lines = try String(contentsOf: document, encoding: .utf8).split(separator: "\n")
        let section = lines.drop { $0.drop { $0 == "#" } != " \(heading)" }.dropFirst().prefix { !$0.hasPrefix("#") }
        let table = section.drop { !$0.hasPrefix("|") }.prefix { $0.hasPrefix("|") }
        guard table.count > 2 else { throw Malformed(description: "no table under the heading '\(heading)'") }
        rows = table.dropFirst(2).map { line in
            line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
                .map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    /// Returns the table's first columns as lines; those behind them are written by hand.
    public func lines(columns: Int) -> [String] {
        Self.lines(rows.map { Array($0.prefix(columns)) })
    }

    /// Returns rows as lines of a table.
    public static func lines(_ rows: [[String]]) -> [String] {
        rows.map { "| " + $0.joined(separator: " | ") + " |" }
    }
}

import Foundation

/// A fenced block of a document for operators.
package struct DocumentBlock: Sendable, Hashable {
    /// The languages that blocks have.
    package enum Language: String, Sendable {
        /// Commands, whose output is not shown; all have to succeed.
        case sh
        /// Commands behind `$ `, each with what it prints.
        case console
        case ini
        case yaml
        /// A figure, or a part of some output.
        case text
    }

    /// The document's path from the root of the repository.
    package let document: String
    /// The heading above it.
    package let heading: String
    /// The line of its fence.
    package let line: Int
    /// The language; nil where it has none of those that are known.
    package let language: Language?
    /// The lines between the fences.
    package let text: String
    /// The reason for which nobody runs it, from the comment `<!-- not run: … -->` in front of it.
    package let reasonNotRun: String?

    /// A Boolean value that indicates whether a test has to run it.
    package var isToBeRun: Bool { (language == .sh || language == .console) && reasonNotRun == nil }

    /// A Boolean value that indicates whether it is run on a database server alone, and not on a whole cluster.
    package var needsServerOnly: Bool {
        ["Try it: two commands", "TLS", "Schema and users", "A person's clusterctl"].contains(heading)
    }

    /// The documents whose commands tests run.
    package static let documents = ["README.md", "docs/operator-guide.md"]

    /// Reads all blocks of a document.
    package static func all(of document: String) throws -> [DocumentBlock] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let file = try String(contentsOf: root.appending(path: document), encoding: .utf8)
        var (blocks, heading, reason) = ([DocumentBlock](), "", String?.none)
        var open: (line: Int, language: String, text: String)?
        for (index, line) in file.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if let block = open {
                guard line == "```" else {
                    open?.text += "\(line)\n"
                    continue
                }
                blocks.append(
                    DocumentBlock(
                        document: document,
                        heading: heading,
                        line: block.line,
                        language: Language(rawValue: block.language),
                        text: block.text,
                        reasonNotRun: reason
                    )
                )
                (open, reason) = (nil, nil)
            } else if line.hasPrefix("```") {
                open = (index + 1, String(line.dropFirst(3)), "")
            } else if line.hasPrefix("#") {
                heading = line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces)
            } else if let match = line.firstMatch(of: /^<!-- not run: (.+) -->$/) {
                reason = String(match.output.1)
            }
        }
        return blocks
    }

    /// The commands of a session, each with what it is shown to print.
    package var steps: [(command: String, output: String)] {
        var steps: [(command: String, output: String)] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("$ ") {
                steps.append((String(line.dropFirst(2)), ""))
            } else if !steps.isEmpty {
                steps[steps.count - 1].output += "\(line)\n"
            }
        }
        return steps
    }
}

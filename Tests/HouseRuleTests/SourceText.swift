import Foundation
import Testing

/// A source file of the repository, with its path from the root.
struct SourceFile: Sendable {
    let path: String
    let text: String

    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The test kit, and the programs that tests start in order to kill them.
    var isForTests: Bool { path.hasPrefix("Sources/ClusterOpsTestKit/") || path.contains("-probe/") }

    /// The directories of the path, without the file's name.
    var folder: [Substring] { path.split(separator: "/").dropLast() }

    /// Every Swift file below a directory, in the order of paths.
    static func all(below directory: String) throws -> [SourceFile] {
        let base = root.appending(path: directory)
        let paths = try #require(FileManager.default.enumerator(atPath: base.path)).compactMap { $0 as? String }
        let swift = paths.filter { $0.hasSuffix(".swift") }.sorted()
        #expect(!swift.isEmpty, "nothing was read below \(directory)")
        return try swift.map { path in
            SourceFile(
                path: "\(directory)/\(path)",
                text: try String(contentsOf: base.appending(path: path), encoding: .utf8)
            )
        }
    }

    /// The text of any file of the repository.
    static func text(of path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// The entries of a directory of the repository.
    static func entries(of path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appending(path: path).path).sorted()
    }
}

/// The code of a Swift file apart from its comments and the texts of its string literals.
struct SourceText: Sendable {
    /// The code, with what is interpolated into literals, and without their texts.
    private(set) var code = ""
    /// The texts of the literals, one after the other.
    private(set) var literals: [String] = []

    /// Takes a file apart; raw strings and comments within comments do not occur.
    init(_ source: String) {
        var rest = source[...]
        while let character = rest.first {
            if rest.hasPrefix("//") {
                rest = rest.drop { $0 != "\n" }
            } else if rest.hasPrefix("\"\"\"") {
                rest = takeLiteral(rest, delimiter: "\"\"\"")
            } else if character == "\"" {
                rest = takeLiteral(rest, delimiter: "\"")
            } else {
                code.append(character)
                rest = rest.dropFirst()
            }
        }
    }

    /// Takes a literal; what is interpolated goes to the code, and literals in there to the literals.
    private mutating func takeLiteral(_ source: Substring, delimiter: String) -> Substring {
        var rest = source.dropFirst(delimiter.count)
        var text = ""
        while !rest.isEmpty, !rest.hasPrefix(delimiter) {
            if rest.hasPrefix("\\(") {
                rest = rest.dropFirst(2)
                var depth = 1
                code.append(" ")
                while let character = rest.first {
                    if character == "\"" {
                        rest = takeLiteral(rest, delimiter: rest.hasPrefix("\"\"\"") ? "\"\"\"" : "\"")
                        continue
                    }
                    rest = rest.dropFirst()
                    if character == "(" { depth += 1 }
                    if character == ")" { depth -= 1 }
                    if depth == 0 { break }
                    code.append(character)
                }
                code.append(" ")
                text.append("?")
            } else if rest.hasPrefix("\\") {
                text.append(contentsOf: rest.prefix(2))
                rest = rest.dropFirst(2)
            } else {
                text.append(rest.removeFirst())
            }
        }
        literals.append(text)
        return rest.dropFirst(delimiter.count)
    }
}

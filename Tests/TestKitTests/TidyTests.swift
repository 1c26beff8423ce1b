import Foundation
import Testing

/// The house rules that a reader would otherwise have to remember.
@Suite struct TidyTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private struct File {
        let path: String
        let text: String

        /// The test kit, and the programs that tests start in order to kill them.
        var isForTests: Bool { path.hasPrefix("Sources/ClusterOpsTestKit/") || path.contains("-probe/") }
    }

    /// Every Swift file below a directory, with its path from the root.
    private func files(below directory: String) throws -> [File] {
        let base = Self.root.appending(path: directory)
        let paths = try #require(FileManager.default.enumerator(atPath: base.path)).compactMap { $0 as? String }
        let swift = paths.filter { $0.hasSuffix(".swift") }.sorted()
        #expect(!swift.isEmpty, "nothing was read below \(directory)")
        return try swift.map { path in
            File(
                path: "\(directory)/\(path)",
                text: try String(contentsOf: base.appending(path: path), encoding: .utf8)
            )
        }
    }

    @Test func `every directory of tests is a target, so that none falls silent`() throws {
        let package = try String(contentsOf: Self.root.appending(path: "Package.swift"), encoding: .utf8)
        let directories = try FileManager.default.contentsOfDirectory(atPath: Self.root.appending(path: "Tests").path)
        #expect(directories.count > 5)
        for directory in directories { #expect(package.contains("name: \"\(directory)\""), "\(directory)") }
    }

    @Test func `a file holds one idea, which fits into 400 lines`() throws {
        for file in try files(below: "Sources") + files(below: "Tests") {
            #expect(file.text.split(separator: "\n", omittingEmptySubsequences: false).count <= 420, "\(file.path)")
        }
    }

    @Test func `background work lives in run, and nothing traps on purpose of a caller`() throws {
        for file in try files(below: "Sources") where !file.isForTests {
            for line in file.text.split(separator: "\n") where !line.drop(while: \.isWhitespace).hasPrefix("//") {
                for forbidden in [
                    " Task {", "(Task {", "Task.detached", "try!", "fatalError(", "Thread.sleep", "usleep(",
                ] {
                    #expect(!line.contains(forbidden), "\(file.path): \(line)")
                }
            }
        }
    }

    @Test func `SQL stands in the store`() throws {
        let homes = [
            "Sources/ClusterOps/Store/", "Sources/ClusterOps/Migrations/", "Sources/MariaDB/",
            // A witness looks for itself: what the store would tell it is what it is there to doubt.
            "Sources/ClusterOpsTestKit/",
        ]
        for file in try files(below: "Sources") where !homes.contains(where: file.path.hasPrefix) {
            for keyword in ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM "] {
                #expect(!file.text.contains("\"\(keyword)"), "\(file.path) has \(keyword)")
            }
        }
    }
}

import Foundation
import Testing

/// The entries of `docs/glossary.md` name things that there are.
@Suite struct GlossaryTests {
    @Test func `each entry names types that are declared, or names of the schema`() throws {
        let entries = try Self.entries()
        #expect(entries.count >= 40)
        let types = try Self.types()
        let steps = try SourceFile.entries(of: Self.schema).filter { $0.hasSuffix(".sql") }
            .map { "\(Self.schema)/\($0)" }
        let schema = try (steps + Self.beforeAnyStep).map { try SourceFile.text(of: $0) }.joined(separator: "\n")
        for (term, names) in entries {
            #expect(!names.isEmpty, "\(term) names nothing")
            for name in names {
                let isDeclared = name.first?.isUppercase == true ? types.contains(name) : schema.contains("\(name)")
                #expect(isDeclared, "\(term) names \(name), which there is not")
            }
        }
    }

    private static let schema = "Sources/ClusterStore/Migrations/SQL"
    /// The files of the tables that migrators make for themselves.
    private static let beforeAnyStep = ["Sources/MariaDB/Migrator.swift", "Sources/MariaDB/MigrationLease.swift"]

    /// The terms, with what stands between "In code:" and "Older:".
    private static func entries() throws -> [(term: String, names: [String])] {
        try SourceFile.text(of: "docs/glossary.md").split(separator: "\n- ").dropFirst().map { entry in
            let term = entry.firstMatch(of: /\*\*([^*]+)\*\*/).map { String($0.output.1) } ?? String(entry.prefix(40))
            let code = entry.split(separator: /\*In\s+code:\*/).dropFirst().first ?? ""
            let names = (code.split(separator: /\*Older:\*/).first ?? "").matches(of: /`(\w+)`/)
            return (term, names.map { String($0.output.1) })
        }
    }

    private static func types() throws -> Set<String> {
        let declaration = /\b(?:struct|class|enum|actor|protocol|typealias) ([A-Z]\w*)/
        let files = try SourceFile.all(below: "Sources")
        return Set(files.flatMap { $0.text.matches(of: declaration).map { String($0.output.1) } })
    }
}

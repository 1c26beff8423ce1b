import Foundation
import Testing

/// The arrows between targets and between folders: they point one way, and `docs/architecture.md` shows them.
@Suite struct BoundaryTests {
    @Test func `a file imports only what its target says that it depends on`() throws {
        let targets = try Self.targets()
        #expect(targets.count > 10)
        for file in try SourceFile.all(below: "Sources") {
            let target = String(file.folder[1])
            let allowed = try #require(targets[target], "Package.swift does not name \(target)")
            for module in Self.imports(of: file) where targets[module] != nil {
                #expect(allowed.contains(module), "\(file.path) imports \(module), on which \(target) does not depend")
            }
        }
    }

    @Test func `a target depends only on targets that one of its files imports`() throws {
        let files = Dictionary(grouping: try SourceFile.all(below: "Sources"), by: { String($0.folder[1]) })
        for (target, dependencies) in try Self.targets() where files[target] != nil {
            // The test kit takes the library as a whole.
            guard target != "ClusterOpsTestKit" else { continue }
            let imported = Set(files[target, default: []].flatMap { Self.imports(of: $0) })
            #expect(dependencies.subtracting(imported).isEmpty, "\(target)")
        }
    }

    @Test func `no folder of a target imports another one that imports it`() throws {
        for (target, arrows) in try Self.folderArrows() {
            for cycle in Self.cycle(in: arrows.mapValues { Set($0.keys) }).map({ [$0] }) ?? [] {
                let reasons = zip(cycle, cycle.dropFirst()).map { from, to in
                    "\(from) -> \(to) by \(arrows[from]?[to]?.sorted().joined(separator: ", ") ?? "")"
                }
                Issue.record("\(target): \(reasons.joined(separator: "; "))")
            }
        }
    }

    @Test func `the table of the documentation is what targets and folders import`() throws {
        let document = try SourceFile.text(of: "docs/architecture.md")
        let rows = document.split(separator: "\n").filter { $0.hasPrefix("| `Sources/") || $0.hasPrefix("| `…/") }
        var described: [String: String] = [:]
        var target = ""
        for row in rows {
            let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 3 else {
                Issue.record("not three cells: \(row)")
                continue
            }
            let name = cells[0].replacing("`", with: "")
            if name.hasPrefix("Sources/") { target = String(name.dropFirst("Sources/".count)) }
            let key = name.hasPrefix("…/") ? "\(target)/\(name.dropFirst(2))" : target
            #expect(described.updateValue(cells[2], forKey: key) == nil, "\(key) stands there twice")
            #expect(!cells[1].isEmpty, "\(key) is not described")
        }
        let actual = try Self.table()
        #expect(Set(described.keys) == Set(actual.keys))
        for (name, imports) in actual { #expect(described[name] == imports, "\(name) imports \(imports)") }
    }

    @Test func `a cycle is found`() {
        #expect(Self.cycle(in: ["a": ["b"], "b": ["c"], "c": ["b"]]) == ["b", "c", "b"])
        #expect(Self.cycle(in: ["a": ["b", "c"], "b": ["c"]]) == nil)
    }

    // MARK: Targets

    /// Our targets with what they depend on of ours, as Package.swift has them.
    private static func targets() throws -> [String: Set<String>] {
        let package = try SourceFile.text(of: "Package.swift")
        let list = package.firstMatch(of: /let library: \[Target\.Dependency\] = \[([^\]]*)\]/)
        let library = try #require(list).output.1
        var targets: [String: Set<String>] = [:]
        let target =
            /\.(?:target|executableTarget|systemLibrary)\(\s*name: "([\w-]+)"(?:,\s*dependencies: (lib\w+ \+ )?\[([^\]]*)\])?/
        for match in package.matches(of: target) {
            let own = names(in: match.output.3 ?? "")
            targets[String(match.output.1)] = own.union(match.output.2 == nil ? [] : names(in: library))
        }
        let ours = Set(targets.keys)
        return targets.mapValues { $0.intersection(ours) }
    }

    private static func names(in list: Substring) -> Set<String> {
        Set(list.matches(of: /"([\w-]+)"/).map { String($0.output.1) })
    }

    private static func imports(of file: SourceFile) -> [String] {
        file.text.matches(of: /(?m)^(?:@\w+ )*import (?:struct |class )?(\w+)/).map { String($0.output.1) }
    }

    // MARK: Folders

    /// For each target the folders that each folder imports, with the types by which it does.
    ///
    /// Types that are declared within others do not count: they belong to the file of the outer one.
    private static func folderArrows() throws -> [String: [String: [String: Set<String>]]] {
        let files = Dictionary(grouping: try SourceFile.all(below: "Sources"), by: { String($0.folder[1]) })
        return files.mapValues { files in
            let texts = files.map { (folder(of: $0), SourceText($0.text).code) }
            let declaration = /(?m)^(?:[a-z@][\w()]* )*(?:struct|class|enum|protocol|actor|typealias) ([A-Z]\w*)/
            var home: [Substring: String] = [:]
            for (folder, code) in texts {
                for match in code.matches(of: declaration) { home[match.output.1] = folder }
            }
            var arrows: [String: [String: Set<String>]] = [:]
            for (folder, code) in texts {
                arrows[folder, default: [:]].merge([:]) { $1 }
                for word in Set(code.split { !$0.isLetter && !$0.isNumber && $0 != "_" }) {
                    guard let other = home[word], other != folder else { continue }
                    arrows[folder, default: [:]][other, default: []].insert(String(word))
                }
            }
            return arrows
        }
    }

    /// The folder directly in the target, or a dot for a file that is in none.
    private static func folder(of file: SourceFile) -> String { file.folder.dropFirst(2).first.map(String.init) ?? "." }

    /// One way from a node back to itself, or nil.
    private static func cycle(in arrows: [String: Set<String>]) -> [String]? {
        var done: Set<String> = []
        func visit(_ node: String, _ path: [String]) -> [String]? {
            if let start = path.firstIndex(of: node) { return path[start...] + [node] }
            guard !done.contains(node) else { return nil }
            for next in (arrows[node] ?? []).sorted() {
                if let cycle = visit(next, path + [node]) { return cycle }
            }
            done.insert(node)
            return nil
        }
        for node in arrows.keys.sorted() {
            if let cycle = visit(node, []) { return cycle }
        }
        return nil
    }

    /// What each target and each of its folders imports, as the table of the documentation has it.
    private static func table() throws -> [String: String] {
        func cell(_ names: some Sequence<String>) -> String {
            let sorted = names.sorted()
            return sorted.isEmpty ? "–" : sorted.joined(separator: ", ")
        }
        var table = try targets().mapValues { cell($0) }
        for (target, arrows) in try folderArrows() where arrows.count > 1 {
            for (folder, others) in arrows where folder != "." {
                table["\(target)/\(folder)"] = cell(others.keys.map { $0 == "." ? target : $0 })
            }
        }
        return table
    }
}

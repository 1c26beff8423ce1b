import ClusterModel
import Yams

extension ConfigurationLoader {
    /// Reports what is wrong with the YAML itself, without quoting the file, which may hold anything.
    mutating func reportSyntax(_ error: any Error, in text: String, path: String) {
        func source(_ line: Int?) -> Problem.Source { .file(path: path, line: line) }
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            report(source(mark.line), nil, "expected YAML of one document: \(problem)")
        case .reader(let problem, let offset, _, _):
            let line = offset.map { text.prefix($0).count(where: \.isNewline) + 1 }
            report(source(line), nil, "expected YAML: \(problem)")
        case .duplicatedKeysInMapping(let names, let context):
            // Yams tells the place of the first of them only; they come back one by one as the file is mended.
            let line = context.mark.line
            let key = names.sorted().first.map { Self.path(of: $0, onLine: line, of: text) }
            report(source(line), key.map(ValueError.quotable), "expected the key once, found it again below")
        default:
            report(source(nil), nil, "expected YAML that can be parsed")
        }
    }

    /// The path of a key in YAML that is sound up to the key's line: it is the last one there.
    ///
    /// In brackets and braces the lines before are no document by themselves; the name alone has to do then.
    private static func path(of name: String, onLine line: Int, of text: String) -> String {
        let lines = text.split(separator: "\n", maxSplits: line, omittingEmptySubsequences: false).prefix(line)
        let document = lines.joined(separator: "\n")
        guard var node = try? compose(yaml: document, .default, .default, .utf8) else { return name }
        var names: [String] = []
        while let (key, value) = node.mapping?.suffix(1).first {
            guard let name = key.scalar?.string else { break }
            names.append(name)
            node = value
        }
        return names.last == name ? names.joined(separator: ".") : name
    }
}

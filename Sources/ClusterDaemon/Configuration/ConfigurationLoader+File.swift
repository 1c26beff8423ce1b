import ClusterEngine
import ClusterModel
import Yams

extension ConfigurationLoader {
    /// Reads YAML.
    ///
    /// - Parameters:
    ///   - text: the content of the file.
    ///   - path: the file's name, for messages.
    mutating func readFile(_ text: String, path: String) {
        let root: Node?
        do {
            // The encoding is named because Yams otherwise asks the environment for it.
            root = try compose(yaml: text, .default, .default, .utf8)
        } catch {
            reportSyntax(error, in: text, path: path)
            return
        }
        guard let root, !root.isNothing else { return }
        guard let mapping = root.mapping else {
            report(.file(path: path, line: root.mark?.line), nil, "expected keys with values, found \(root.shape)")
            return
        }
        var seen: Set<String> = []
        readSection(mapping, below: [], of: path, seen: &seen)
        checkEndpoint(seen)
    }

    private mutating func readSection(
        _ mapping: Node.Mapping,
        below section: [String],
        of file: String,
        seen: inout Set<String>
    ) {
        for (name, value, source) in entries(mapping, below: section, of: file) {
            let path = (section + [name]).joined(separator: ".")
            if name.contains(".") {
                report(source, ValueError.quotable(path), "expected one key a level, and what follows the dot below")
            } else if let key = Configuration.keysByPath[path] {
                seen.insert(path)
                switch input(value, expected: key.expected) {
                case .success(let input):
                    assign(key, input, from: source)
                case .failure(let refusal):
                    report(source, path, refusal.message)
                    markFailed(path)
                }
            } else if path == "tasks" || Configuration.sections.contains(path) {
                guard let inner = contents(value, of: path, source) else { continue }
                if path == "tasks" {
                    readTasks(inner, of: file)
                } else {
                    readSection(inner, below: section + [name], of: file, seen: &seen)
                }
            } else {
                let known = Configuration.keysByPath.keys + Array(Configuration.sections) + ["tasks"]
                reportUnknown(source, path, NearestName.find(path, among: known))
            }
        }
    }

    private mutating func readTasks(_ mapping: Node.Mapping, of file: String) {
        for (name, value, source) in entries(mapping, below: ["tasks"], of: file) {
            let path = "tasks.\(ValueError.quotable(name))"
            let taskName: TaskName
            do throws(ValueError) {
                taskName = try TaskName(name)
            } catch {
                report(source, path, error.reason)
                continue
            }
            guard !Configuration.CommandTask.builtInNames.contains(name) else {
                report(source, path, "expected a name of your own: this task is built in")
                continue
            }
            guard let inner = contents(value, of: path, source) else { continue }
            configuration.tasks[taskName] = readTask(inner, path: path, source, of: file)
            configuration.commandSources[taskName] =
                entries(inner, below: [], of: file).first { $0.name == "command" }?.source
        }
    }

    private mutating func readTask(
        _ mapping: Node.Mapping,
        path: String,
        _ taskSource: Problem.Source,
        of file: String
    ) -> Configuration.CommandTask {
        var task = Configuration.CommandTask(command: [])
        var hasCommand = false
        let keys = Configuration.CommandTask.keys
        for (name, value, source) in entries(mapping, below: path.split(separator: ".").map(String.init), of: file) {
            guard let key = keys.first(where: { $0.path == name }) else {
                let nearest = NearestName.find(name, among: keys.map(\.path)).map { "\(path).\($0)" }
                reportUnknown(source, "\(path).\(name)", nearest)
                continue
            }
            hasCommand = hasCommand || name == "command"
            switch input(value, expected: key.expected) {
            case .success(let input):
                guard let message = Self.assign(key, input, to: &task) else { continue }
                report(source, "\(path).\(name)", message)
            case .failure(let refusal):
                report(source, "\(path).\(name)", refusal.message)
            }
        }
        if !hasCommand {
            report(taskSource, "\(path).command", "expected a command, found none")
        }
        return task
    }

    private mutating func reportUnknown(_ source: Problem.Source, _ path: String, _ nearest: String?) {
        let hint = nearest.map { "; did you mean \($0)?" } ?? ""
        report(source, ValueError.quotable(path), "there is no such key" + hint)
    }

    /// The keys of a mapping with their values; keys that are no text, or that come again, are reported and left out.
    private mutating func entries(
        _ mapping: Node.Mapping,
        below section: [String],
        of file: String
    ) -> [(name: String, value: Node, source: Problem.Source)] {
        var names: Set<String> = []
        var entries: [(name: String, value: Node, source: Problem.Source)] = []
        for (key, value) in mapping {
            let source = Problem.Source.file(path: file, line: key.mark?.line)
            guard let name = key.scalar?.string else {
                let path = section.isEmpty ? nil : section.joined(separator: ".")
                report(source, path, "expected a key, found \(key.shape)")
                continue
            }
            guard names.insert(name).inserted else {
                let path = (section + [name]).joined(separator: ".")
                report(source, ValueError.quotable(path), "expected the key once, found it again")
                continue
            }
            entries.append((name, value, source))
        }
        return entries
    }

    /// The mapping in a section, which is empty when all that it holds is commented out; nil when it is no mapping.
    private mutating func contents(_ value: Node, of path: String, _ source: Problem.Source) -> Node.Mapping? {
        if value.isNothing { return Node.Mapping([]) }
        guard let mapping = value.mapping else {
            report(source, path, "expected keys with values, found \(value.shape)")
            return nil
        }
        return mapping
    }

    /// The reason why a value is refused before it is parsed.
    private struct Refusal: Error {
        let message: String
    }

    private func input(_ value: Node, expected: String) -> Result<ConfigurationInput, Refusal> {
        func refuse(_ found: String) -> Result<ConfigurationInput, Refusal> {
            .failure(Refusal(message: "expected \(expected), found \(found)"))
        }
        if value.isNothing { return refuse("nothing; without the line the default holds") }
        if let scalar = value.scalar { return .success(.text(scalar.string)) }
        guard let sequence = value.sequence else { return refuse(value.shape) }
        var items: [String] = []
        for item in sequence {
            guard let scalar = item.scalar, !item.isNothing else {
                return refuse("\(item.shape) as item \(items.count + 1) of a list")
            }
            items.append(scalar.string)
        }
        return .success(.list(items))
    }
}

extension Node {
    /// A Boolean value that indicates whether nothing, or YAML's word for nothing, stands behind the colon.
    fileprivate var isNothing: Bool {
        guard let scalar, scalar.style == .plain else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// The kind of the node, for messages that do not show what is in it.
    fileprivate var shape: String {
        switch self {
        case .scalar: isNothing ? "nothing" : "one value"
        case .mapping: "keys with values"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }
}

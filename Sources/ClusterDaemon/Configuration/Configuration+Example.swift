import ClusterModel

extension Configuration {
    /// A file with every key, what it does, what it takes and its default; it loads as the defaults.
    ///
    /// Keys that have no default are commented out, with an example.
    package static var annotatedExample: String {
        var lines = [
            "# ClusterOps: every key with its default; a key that is commented out has none, and shows an example.",
            "# The variable behind each key sets it too, and wins over this file.",
        ]
        let defaults = Configuration()
        func reload(_ key: ConfigurationKey<Configuration>) -> String {
            ConfigurationChange.reloadableKeys.contains(key.path) ? "; reloaded at SIGHUP" : ""
        }
        var section: [Substring] = []
        for key in keys {
            let names = key.path.split(separator: ".")
            let inner = names.dropLast()
            for depth in inner.indices where !section.starts(with: inner.prefix(depth + 1)) {
                if depth == 0 { lines.append("") }
                lines.append(indent(depth) + inner[depth] + ":")
            }
            section = Array(inner)
            let name = String(names[inner.endIndex])
            let variable = key.variable + reload(key)
            lines += entry(key, name: name, value: key.current(defaults), depth: inner.count, variable: variable)
        }
        lines += [
            "",
            "# Tasks of this node that run a program, by name. They are set in the file only, and reloaded at SIGHUP.",
            "tasks:",
        ]
        lines += exampleTask.map { indent(1) + "# " + $0 }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The lines of a task with every key, as they stand below `tasks:`.
    static var exampleTask: [String] {
        let defaults = CommandTask(command: [])
        return ["snapshot_volume:"]
            + CommandTask.keys.flatMap { key in
                let value = key.path == "command" ? key.example : key.current(defaults)
                return entry(key, name: key.path, value: value, depth: 1, variable: nil)
            }
    }

    private static func entry<Root>(
        _ key: ConfigurationKey<Root>,
        name: String,
        value: ConfigurationInput?,
        depth: Int,
        variable: String?
    ) -> [String] {
        let comment = "Takes \(key.expected)." + (variable.map { " \($0)" } ?? "")
        let setting = "\(name): \((value ?? key.example).yaml)"
        return [
            indent(depth) + "# " + key.documentation,
            indent(depth) + "# " + comment,
            indent(depth) + (value == nil ? "# " : "") + setting,
        ]
    }

    private static func indent(_ depth: Int) -> String {
        String(repeating: "  ", count: depth)
    }
}

extension ConfigurationInput {
    /// The input as YAML on one line.
    var yaml: String {
        switch self {
        case .text(let text): Self.scalar(text)
        case .list(let items): "[" + items.map(Self.scalar).joined(separator: ", ") + "]"
        }
    }

    /// Plain where that is safe beyond doubt, else in double quotes, where a backslash can write everything.
    private static func scalar(_ text: String) -> String {
        let isPlain =
            text.utf8.first.map { $0.isASCIILowercase || $0.isASCIIDigit || $0 == UInt8(ascii: "/") } == true
            && text != "null" && text.utf8.last != UInt8(ascii: ":")
            && text.utf8.allSatisfy {
                $0.isASCIILowercase || $0.isASCIIUppercase || $0.isASCIIDigit || "/._:-".utf8.contains($0)
            }
        if isPlain { return text }
        let escaped = text.unicodeScalars.map { scalar in
            switch scalar {
            case "\"", "\\": "\\\(scalar)"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: String(scalar)
            }
        }
        return "\"" + escaped.joined() + "\""
    }
}

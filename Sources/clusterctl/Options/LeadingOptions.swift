import ArgumentParser

/// The options of every command where people write them first: `clusterctl --config FILE op list`.
///
/// Pure.
enum LeadingOptions {
    private static let names: Set<String> = ["--config", "--output", "-o"]

    /// Moves them behind the command that they stand before, where the parser looks for them.
    static func moved(in arguments: [String], of root: any ParsableCommand.Type) -> [String] {
        var (command, path, options) = (root, [String](), [String]())
        var rest = arguments[...]
        while let word = rest.first {
            if let next = command.configuration.subcommands.first(where: { $0._commandName == word }) {
                command = next
                path.append(word)
                rest = rest.dropFirst()
            } else if command.configuration.subcommands.isEmpty {
                return path + options + rest
            } else if names.contains(word) {
                options += rest.prefix(2)
                rest = rest.dropFirst(2)
            } else if names.contains(String(word.prefix { $0 != "=" })) {
                options.append(word)
                rest = rest.dropFirst()
            } else {
                break
            }
        }
        // Without a command there is help, and nothing that the options could be for.
        let isHelp = rest.isEmpty && !command.configuration.subcommands.isEmpty
        return isHelp ? path : path + rest + options
    }
}

import ArgumentParser
import ClusterDaemon

/// A word of a command line that stands where a command is expected, and is none.
///
/// Pure.
struct UnknownCommand: Hashable {
    /// The line as far as it names commands, with the word: `op enqueu`.
    let line: String
    /// The same with the command that was probably meant.
    let suggestion: String?
    /// The commands that could stand there.
    let usage: String

    /// Looks for the word; nil when every word that should be a command is one.
    ///
    /// - Parameters:
    ///   - arguments: The command line, without the program's name.
    ///   - root: The program.
    init?(in arguments: [String], of root: any ParsableCommand.Type) {
        var (command, path) = (root, [String]())
        for word in arguments {
            let subcommands = command.configuration.subcommands
            guard !subcommands.isEmpty, !word.hasPrefix("-"), word != "help" else { return nil }
            guard let next = subcommands.first(where: { $0._commandName == word }) else {
                let names = subcommands.map { $0._commandName }
                line = (path + [word]).joined(separator: " ")
                suggestion = NearestName.find(word, among: names).map { (path + [$0]).joined(separator: " ") }
                let program = ([root._commandName] + path).joined(separator: " ")
                usage = "usage: \(program) \(names.sorted().joined(separator: "|"))"
                return
            }
            command = next
            path.append(word)
        }
        return nil
    }

    /// The lines that say so.
    var messages: [String] {
        ["there is no command '\(line)'" + (suggestion.map { "; did you mean '\($0)'?" } ?? ""), usage]
    }
}

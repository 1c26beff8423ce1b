import ArgumentParser

/// Asks before something is destroyed.
struct Confirmation: ParsableArguments {
    @Flag(help: "Do not ask for confirmation; required off a terminal.")
    var yes = false

    /// Returns when it was agreed to.
    ///
    /// - Throws: `Failure` when it was not, or nobody could be asked.
    func ask(_ question: String) throws {
        if yes { return }
        guard Terminal.hasPerson else { throw Failure(.usage, "\(question) Say --yes: there is no terminal to ask on") }
        Talk.ask(question)
        guard let answer = readLine()?.lowercased(), ["y", "yes"].contains(answer) else {
            throw Failure(.failed, "nothing was changed")
        }
    }
}

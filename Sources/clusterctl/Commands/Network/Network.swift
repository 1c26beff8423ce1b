import ArgumentParser

struct NetworkNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "network",
        abstract: "Add, change, inspect and remove networks of guests.",
        subcommands: [
            NetworkAdd.self, NetworkList.self, NetworkShow.self, NetworkSet.self, NetworkRemove.self,
            NetworkReconcile.self, NetworkWait.self, NetworkLeases.self,
        ]
    )
}

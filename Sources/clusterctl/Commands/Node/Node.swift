import ArgumentParser

struct NodeNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Add, change, drain, inspect and remove nodes.",
        subcommands: [
            NodeAdd.self, NodeList.self, NodeShow.self, NodeSet.self, NodeDrain.self, NodeUndrain.self, NodeRemove.self,
        ]
    )
}

import ArgumentParser

struct NodeNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Nodes: the machines of the cluster.",
        subcommands: [
            NodeAdd.self, NodeList.self, NodeShow.self, NodeSet.self, NodeDrain.self, NodeUndrain.self, NodeRemove.self,
        ]
    )
}

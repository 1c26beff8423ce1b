import ArgumentParser

struct InterfaceNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "interface",
        abstract: "Add, change, inspect and remove interfaces of guests.",
        subcommands: [
            InterfaceAdd.self, InterfaceList.self, InterfaceShow.self, InterfaceSet.self, InterfaceRemove.self,
            InterfaceFloat.self, InterfaceUnfloat.self,
        ]
    )
}

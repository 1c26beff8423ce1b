import ArgumentParser
import ClusterOps

struct InterfaceRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Removes a guest's interface."
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @OptionGroup var confirmation: Confirmation

    @Argument(help: "The interface.", transform: { try InterfaceID($0) })
    var uuid: InterfaceID

    func run() async throws {
        try confirmation.ask("Remove interface \(uuid)?")
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).removeInterface(uuid))
        }
    }
}

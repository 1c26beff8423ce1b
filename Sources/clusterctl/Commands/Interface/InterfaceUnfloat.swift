import ArgumentParser
import ClusterOps

struct InterfaceUnfloat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unfloat",
        abstract: "Takes back an interface's floating address; connections under it end."
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @Argument(help: "The interface.", transform: { try InterfaceID($0) })
    var uuid: InterfaceID

    func run() async throws {
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).unfloatInterface(uuid))
        }
    }
}

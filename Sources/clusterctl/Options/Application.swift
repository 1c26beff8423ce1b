import ArgumentParser
import ClusterEngine

/// The option that decides whether a change of wanted state enqueues what it takes to apply it.
struct Application: ParsableArguments {
    @Flag(help: "Change wanted state only, and leave applying it to the maintenance loops.")
    var noApply = false

    func inventory(_ cluster: ClusterConnection) -> Inventory {
        Inventory(cluster, applies: !noApply)
    }
}

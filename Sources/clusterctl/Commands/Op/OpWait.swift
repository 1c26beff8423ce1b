import ArgumentParser
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterReports

struct OpWait: AsyncParsableCommand {
    /// Ids of one look: a packet of 40 KB, once in some seconds.
    private static let mostAwaited = 1000

    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until operations have ended; succeed only if all complete.",
        discussion: "Example: clusterctl op wait 0190163d-8694-739b-aea5-966c26f8ad01 --timeout 5m"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var waiting: Waiting

    @Argument(
        help: "The operations; an id may be abbreviated.",
        completion: Names.liveOperations,
        transform: { try OperationReference($0) }
    )
    var uuids: [OperationReference]

    func validate() throws {
        guard uuids.count <= Self.mostAwaited else {
            throw ValidationError("at most \(Self.mostAwaited) operations are waited for at once, found \(uuids.count)")
        }
    }

    func run() async throws {
        let subject = EndProgress.named(uuids.map(\.description))
        let deadline = waiting.deadline()
        let (states, inTime) = try await global.withPatientCluster(until: deadline, for: subject) { cluster in
            let ids = try await cluster.operations(named: uuids)
            return try await EndProgress.ends(of: ids, until: deadline, on: cluster)
        }
        try global.print(states)
        try EndProgress.requireComplete(states.items, inTime: inTime)
    }
}

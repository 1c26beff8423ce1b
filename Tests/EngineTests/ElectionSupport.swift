import ClusterOpsTestKit
import MariaDB
import ServiceLifecycle

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// A node that stands for election, in this process.
struct ElectionMember: Sendable {
    let role: RecordingRole
    private let group: ServiceGroup

    fileprivate init(_ role: RecordingRole, _ group: ServiceGroup) {
        self.role = role
        self.group = group
    }

    /// Ends it as SIGTERM does.
    func stop() async { await group.triggerGracefulShutdown() }
}

/// Runs keepers of nodes, which were added, as services of their own.
func withElectionKeepers(
    _ nodes: [String],
    on cluster: TestCluster,
    handover: Duration = .seconds(10),
    witnesses: any WitnessChannel = NoWitnesses(),
    _ body: @Sendable ([ElectionMember]) async throws -> Void
) async throws {
    let timing = ElectionState.Timing(
        // Long enough for renewals that a busy machine holds up.
        lease: .milliseconds(3000),
        renew: .milliseconds(200),
        fence: .milliseconds(2200),
        handover: handover
    )
    var members: [ElectionMember] = []
    var groups: [ServiceGroup] = []
    for node in nodes {
        let role = RecordingRole()
        let keeper = ElectionKeeper(
            election: ElectionRecord(timing: timing, node: try NodeName(node)),
            witnesses: witnesses,
            database: Database(cluster.configuration, logger: .silent),
            role: role,
            logger: .silent
        )
        let services: [any Service] = [keeper]
        let group = ServiceGroup(
            configuration: .init(services: services.map { .init(service: $0) }, logger: .silent)
        )
        members.append(ElectionMember(role, group))
        groups.append(group)
    }
    try await withThrowingTaskGroup(of: Void.self) { [members, groups] tasks in
        for group in groups { tasks.addTask { try await group.run() } }
        try await body(members)
        for group in groups { await group.triggerGracefulShutdown() }
        try await tasks.waitForAll()
    }
}

/// Writes down what it is told.
final class RecordingRole: ElectedRole {
    private struct State {
        var log: [String] = []
        var serving: UInt64?
        var tenure: Tenure?
    }

    private let state = Locked(State())
    /// Whether it can play the role.
    let isFit = Locked(true)

    /// How much of it runs here; nil is that nothing is ready.
    let readyStrength = Locked<Int?>(nil)

    /// The term that it serves, if it serves.
    var serving: UInt64? { state.value.serving }

    var tenure: Tenure? { state.value.tenure }

    /// Every call, but one line for all extensions.
    var log: [String] { state.value.log }

    func shouldBeReady(_ isWanted: Bool) {
        state.update { $0.log.append(isWanted ? "prepare" : "stand down") }
    }

    func strength() async -> Int? { readyStrength.value }

    var isHeard: Bool { serving != nil }

    func serve(_ tenure: Tenure) async {
        state.update { state in
            state.log.insert(
                "serve \(tenure.term)",
                at: state.log.firstIndex(of: "extend \(tenure.term)") ?? state.log.endIndex
            )
            state.serving = tenure.term
            state.tenure = tenure
        }
        try? await Task.sleep(for: .seconds(600))
        state.update { $0.log.append("served \(tenure.term)") }
    }

    func extend(_ tenure: Tenure) async -> Bool {
        state.update { state in
            if !state.log.contains("extend \(tenure.term)") { state.log.append("extend \(tenure.term)") }
        }
        return isFit.value
    }

    func fallSilent(_ tenure: Tenure) async {
        state.update { $0.log.append("fall silent \(tenure.term)") }
    }

    func retire(_ tenure: Tenure) async {
        state.update { state in
            state.log.append("retire \(tenure.term)")
            state.serving = nil
        }
    }
}

import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel

/// The connections that standing for election takes.
@Suite(.timeLimit(.minutes(15))) struct ElectionConnectionTests {
    @Test func `a node without the network role keeps no connection of its own for the election`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.execute("UPDATE nodes SET is_network_node = FALSE")
            let (own, role, progress, doorbell) = (
                Database(cluster.configuration, logger: .silent), RecordingRole(), Progress(), Doorbell()
            )
            let timing = ElectionState.Timing(
                lease: .seconds(3),
                renew: .milliseconds(200),
                fence: .milliseconds(2200)
            )
            let keeper = ElectionKeeper(
                election: ElectionRecord(timing: timing, node: try NodeName("h1")),
                database: own,
                shared: cluster.database,
                role: role,
                doorbell: doorbell,
                logger: .silent,
                progress: progress
            )
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await keeper.run() }
                try await eventually("it has asked") { progress.reading.madeAt != nil }
                let use = await own.use
                #expect(use.idle + use.lent == 0)
                try await cluster.execute("UPDATE nodes SET is_network_node = TRUE")
                try await eventually("it is elected") {
                    doorbell.ring()
                    return role.serving == 1
                }
                let held = await own.use
                #expect(held.idle + held.lent > 0)
                group.cancelAll()
            }
            await own.close()
        }
    }

    @Test func `a node asks nothing while its session says that it may not be elected, and asks when that is too old`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let (pulse, role, progress) = (WorkPulse(), RecordingRole(), Progress())
            let turns = Locked<Set<SuspendingClock.Instant>>([])
            func told(for duration: Duration) {
                pulse.sawNode(NodeStanding(mayBeElected: false, probePlan: nil, expiresAt: .now + duration))
            }
            let keeper = ElectionKeeper(
                election: ElectionRecord(
                    timing: ElectionState.Timing(
                        lease: .seconds(3),
                        renew: .milliseconds(200),
                        fence: .milliseconds(2200)
                    ),
                    node: try NodeName("h1")
                ),
                database: cluster.database,
                standing: { pulse.standing(at: .now) },
                role: role,
                logger: .silent,
                progress: progress
            )
            told(for: .seconds(3600))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await keeper.run() }
                try await eventually("it has turned three times") {
                    let (last, count) = (progress.reading.madeAt, turns.value.count)
                    if let last { turns.update { $0.insert(last) } }
                    return count == 3
                }
                // Whoever may be elected makes the row.
                #expect(try await cluster.count("SELECT COUNT(*) FROM leases") == 0)
                told(for: .zero)
                try await eventually("it is elected, because the database says that it may") { role.serving == 1 }
                group.cancelAll()
            }
        }
    }
}

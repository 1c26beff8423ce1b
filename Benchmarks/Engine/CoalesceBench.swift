import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import MariaDB
import Synchronization

/// A thousand changes of one network at once, each with its request for the work.
struct CoalesceBench {
    private let requests = 1000
    private let callers = 20
    /// What the work takes: less than writing files and a signal to dnsmasq do.
    private let work: Duration = .milliseconds(50)

    private struct Counts {
        var deadlocks = 0
        var runs: [Int] = []
    }

    func measure(on server: PrivateServer) async throws -> [Figure] {
        let (requests, callers, work) = (requests, callers, work)
        return try await withCluster(connections: 40, on: server) { cluster in
            try await cluster.addNetwork("blue")
            try await cluster.execute("CREATE TABLE wanted (number INT AUTO_INCREMENT PRIMARY KEY)")
            let counts = Locked(Counts())
            let definition = BuiltInTask.networkApplyUpdateDNSMasq.definition
            let handler = CallingHandler(definition: definition) { _ in
                let seen = (try? await cluster.count("SELECT COUNT(*) FROM wanted")) ?? -1
                counts.update { $0.runs.append(seen) }
                try? await Task.sleep(for: work)
            }
            let request = OperationRequest(
                tasks: [definition.name],
                target: .init(network: try NetworkName("blue"))
            )
            return try await Floor(cluster: cluster, handlers: [handler], daemon: .netnode).run { queue in
                let begin = ContinuousClock.now
                try await withThrowingDiscardingTaskGroup { group in
                    for caller in 0..<callers {
                        group.addTask {
                            let connection = try await Connection.open(cluster.configuration)
                            for number in 0..<requests / callers {
                                do {
                                    if (caller + number) % 3 == 0 {
                                        // A connection of its own, without a retry: what hits the caller is seen.
                                        let work = try await connection.withTransaction { transaction in
                                            try transaction.execute("INSERT INTO wanted VALUES ()")
                                            return try queue.enqueue([request], in: transaction)
                                        }
                                        await queue.committed(work)
                                    } else {
                                        try await cluster.execute("INSERT INTO wanted VALUES ()")
                                        _ = try await queue.enqueue(request)
                                    }
                                } catch {
                                    counts.update { $0.deadlocks += 1 }
                                }
                            }
                            await connection.close()
                        }
                    }
                }
                let asked = ContinuousClock.now - begin
                try await cluster.untilEmpty()
                let failed = try await cluster.count(
                    "SELECT COUNT(*) FROM finished_operations WHERE state <> 'complete'"
                )
                let (runs, wanted) = (counts.value.runs, try await cluster.count("SELECT COUNT(*) FROM wanted"))
                return [
                    Figure("coalesce: errors and deadlocks at callers", Double(counts.value.deadlocks), "", .atMost(0)),
                    Figure("coalesce: operations that did not complete", Double(failed), "", .atMost(0)),
                    Figure(
                        "coalesce: changes unseen by the last run",
                        Double(wanted - (runs.last ?? 0)),
                        "",
                        .atMost(0)
                    ),
                    Figure("coalesce: time in which all requests were made", asked / .milliseconds(1), "ms"),
                    Figure("coalesce: runs", Double(runs.count)),
                    Figure("coalesce: runs of requests", Double(runs.count) * 100 / Double(requests), "%", .atMost(1)),
                ]
            }
        }
    }
}

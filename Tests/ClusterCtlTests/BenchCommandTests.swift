import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// `bench` on a cluster with a worker of this process, and what it leaves behind.
@Suite(.timeLimit(.minutes(15))) struct BenchCommandTests {
    private static let task = "bench_noop"

    private func bench(_ cluster: TestCluster, _ arguments: String...) async throws -> BenchView {
        try await cluster.example("bench", ["bench"] + arguments)
    }

    private func count(_ name: String, in view: BenchView) -> Int? { view.counts.first { $0.name == name }?.value }

    private func expectNothingLive(_ cluster: TestCluster) async throws {
        #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
    }

    /// Runs a body beside a worker that runs `noop`, and a command that coalesces.
    private func withWorker(_ body: @Sendable (TestCluster) async throws -> Void) async throws {
        try await withCluster(connections: 16) { cluster in
            try await cluster.addNode("h1")
            try await cluster.register(Self.task, coalescible: true)
            let definition = TaskDefinition(
                name: try TaskName(Self.task),
                kind: .command,
                isCoalescible: true,
                maximumAttempts: 3,
                timeout: .seconds(60)
            )
            let handlers: [any TaskHandler] = [NoopHandler(), RecordingHandler(definition, log: EffectLog())]
            let worker = try cluster.liveWorker("h1", handlers: handlers, slots: 16)
            try await cluster.withWorkers([worker]) {
                try await eventually("the worker lives") {
                    try await cluster.count("SELECT COUNT(*) FROM sessions WHERE renewals > 0") == 1
                }
                try await body(cluster)
            }
        }
    }

    @Test func `each benchmark measures as many as it was told, and leaves nothing live`() async throws {
        try await withWorker { cluster in
            let drain = try await bench(cluster, "drain", "--operations", "300")
            #expect(drain.operations == 300 && drain.durations.map(\.name) == ["wait", "run"])
            #expect(drain.durations.allSatisfy { $0.n == 300 } && count("not_complete", in: drain) == 0)
            let wait = try #require(drain.durations.first)
            #expect([wait.min, wait.p50, wait.p90, wait.p99, wait.p999].compactMap(\.self).count == 5)
            #expect(
                zip([wait.p50, wait.p90, wait.p99, wait.p999], [wait.p90, wait.p99, wait.p999, wait.max])
                    .allSatisfy { ($0 ?? .infinity) <= ($1 ?? 0) * 1.001 }
            )

            let latency = try await bench(cluster, "latency", "--operations", "10", "--node", "h1")
            #expect(latency.operations == 10 && latency.durations.map(\.name) == ["call", "wait", "run", "end_known"])
            #expect(latency.durations.allSatisfy { $0.n == 10 })
            let pipeline = try await bench(cluster, "pipeline", "--operations", "20")
            #expect(pipeline.operations == 20 && pipeline.durations.map(\.n) == [19, 20])
            let coalesce = try await bench(cluster, "coalesce", "--operations", "200", "--callers", "8")
            #expect(count("requests", in: coalesce) == 200)
            let parts = ["deduplicated", "folded", "executed"].compactMap { count($0, in: coalesce) }
            #expect(parts.reduce(0, +) == 200 && parts[2] < 200 && parts[2] > 0, "\(parts)")
            let enqueue = try await bench(cluster, "enqueue", "--operations", "50", "--callers", "3")
            #expect(enqueue.operations == 50 && enqueue.durations.map(\.n) == [50])
            try await expectNothingLive(cluster)
            // Nobody ran those, and no two runs have one requester.
            #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations WHERE state = 'cancelled'") == 50)
            let requesters = Set([drain, latency, pipeline, coalesce, enqueue].map(\.requester))
            #expect(requesters.count == 5)
            #expect(try await cluster.count("SELECT COUNT(DISTINCT requester) FROM finished_operations") == 5)
            let table = try await cluster.clusterctl("bench", "drain", "--operations", "10")
            #expect(table.status == 0 && table.output.hasPrefix("DRAIN "), "\(table.talk)")
        }
    }

    @Test func `it refuses a database with live operations, one without a worker, and numbers that are too large`()
        async throws
    {
        try await withCluster { cluster in
            let idle = try await cluster.clusterctl("bench", "drain")
            #expect(idle.status == 1 && idle.talk.contains("queueworker"), "\(idle.talk)")
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            let live = try await cluster.clusterctl("bench", "enqueue")
            #expect(live.status == 4 && live.talk.contains("--on-live-database"), "\(live.talk)")
            let told = try await cluster.clusterctl("bench", "enqueue", "--operations", "5", "--on-live-database")
            #expect(told.status == 0, "\(told.talk)")
            #expect(try await cluster.operation(id).state == .queued, "what is not its own it leaves alone")
            for arguments in [["--operations", "10001"], ["--operations", "0"], ["--callers", "65"]] {
                let run = try await ClusterCtlProgram.run(["bench", "enqueue"] + arguments, on: cluster.configuration)
                #expect(run.status == 64 && run.talk.contains(arguments[0]), "\(run.talk)")
            }
        }
    }

    @Test func `interrupted, or out of time, it ends what it made`() async throws {
        try await withCluster { cluster in
            // A worker that seems to live and runs nothing.
            try await cluster.addNode("h1")
            try await cluster.execute(
                """
                INSERT INTO sessions (
                    id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at)
                SELECT UUID(), 'queueworker', id, name, 1, 10000000, NOW(6), NOW(6), NOW(6) + INTERVAL 1 HOUR FROM nodes
                """
            )
            let late = try await cluster.clusterctl("bench", "drain", "--operations", "20", "--timeout", "500ms")
            #expect(late.status == 6 && late.output == "", "\(late.talk)")
            try await expectNothingLive(cluster)
            for (number, status) in [(SIGINT, Int32(130)), (SIGTERM, 130)] {
                let pid = Locked<Int32>(0)
                async let run = ClusterCtlProgram.run(
                    ["bench", "pipeline", "--operations", "20"],
                    on: cluster.configuration,
                    started: { process in pid.update { $0 = process } }
                )
                try await eventually("it waits") {
                    // Without a pid the signal would go to everybody here.
                    let made = try await cluster.count("SELECT COUNT(*) FROM work_queue")
                    return pid.value > 0 && made == 20
                }
                kill(pid.value, number)
                let ended = try await run
                #expect(ended.status == status && ended.talk.contains("interrupted"), "\(ended.talk)")
                try await expectNothingLive(cluster)
            }
            let left: SQL = "SELECT COUNT(*) FROM finished_operations WHERE state IN ('cancelled', 'aborted')"
            #expect(try await cluster.count(left) == 60)
        }
    }
}

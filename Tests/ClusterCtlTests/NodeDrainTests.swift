import ChildProcess
import ClusterOpsTestKit
import Foundation
import Glibc
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// The words of `node drain` on who drains a node and why, and its wait.
@Suite(.timeLimit(.minutes(15))) struct NodeDrainTests {
    private let noop = BuiltInTask.noop.name

    private typealias Node = ChangedView<NodeView>

    @Test func `who drains a node, since when and why is in node show, node list and doctor, until it is undrained`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let drained: Node = try await cluster.example(
                "node-drain",
                ["node", "drain", "h1", "--reason", "disk swap"]
            )
            let drain = try #require(drained.object.drain)
            #expect(drain.reason == "disk swap" && drain.requester.contains("@"))
            _ = try await cluster.queue.enqueue(
                OperationRequest(tasks: [noop], target: .init(node: try NodeName("h1")))
            )
            let list = try await cluster.clusterctl("node", "list").output
            #expect(list.contains("by \(drain.requester): disk swap"), "\(list)")
            let show = try await cluster.clusterctl("node", "show", "h1").output
            for words in ["\(drain.since)", drain.requester, "disk swap"] { #expect(show.contains(words), "\(show)") }
            let doctor = try await cluster.clusterctl("doctor")
            let finding =
                "h1 is being drained since \(drain.since) by \(drain.requester) (disk swap), and operations wait"
            #expect(doctor.output.contains(finding), "\(doctor.output)")

            // Another reason is no other drain.
            let again = try await cluster.answer(Node.self, "node", "drain", "h1", "--reason", "new kernel")
            #expect(again.object.drain?.reason == "new kernel" && again.object.drain?.since == drain.since)
            let unchanged = try await cluster.answer(Node.self, "node", "drain", "h1")
            #expect(unchanged.object.drain == again.object.drain)
            let undrained: Node = try await cluster.example("node-undrain", ["node", "undrain", "h1"])
            #expect(undrained.object.drain == nil && undrained.object.state == .active)
            let plain = try await cluster.answer(Node.self, "node", "drain", "h1")
            #expect(plain.object.drain?.reason == nil && plain.object.drain != nil)
            for bad in [["--reason", ""], ["--reason", String(repeating: "x", count: 256)], ["--deadline", "3s"]] {
                let run = try await ClusterCtlProgram.run(["node", "drain", "h1"] + bad, on: cluster.configuration)
                #expect(run.status == 64, "\(run.talk)")
            }
        }
    }

    @Test func `it waits until nothing of the node runs, and says what still does`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: 5)
            var (worker, other) = (try cluster.worker("h1"), try cluster.worker("h2"))
            let claims = try await worker.claim(4)
            try await openSession(of: worker, in: cluster)
            // What another node runs is none of its.
            #expect(try await other.claim(1).count == 1)
            try await openSession(of: other, in: cluster)
            let program = try await drain(cluster)
            try await eventually("it says what runs") { program.standardError.text.contains("4 operations run: noop ") }
            #expect(program.standardError.text.contains(" and 1 more"))
            _ = try await worker.settle(Array(claims.prefix(3)), .succeeded(result: nil))
            try await eventually("it says what is left") {
                program.standardError.text.contains("1 operation runs: noop \(claims[3].operation.id)")
            }
            _ = try await worker.settle([claims[3]], .succeeded(result: nil))
            #expect(try await program.exit == .code(0))
            let node = try JSONDecoder().decode(Node.self, from: Data(program.standardOutput.text.utf8))
            #expect(node.object.state == .draining && node.object.drain?.reason == "kernel")
        }
    }

    @Test func `at the deadline it says what still runs, and the node stays draining`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]))
            var worker = try cluster.worker("h1")
            let id = try await worker.claim(1)[0].operation.id
            try await openSession(of: worker, in: cluster)
            let run = try await cluster.clusterctl("node", "drain", "h1", "--wait", "--deadline", "100ms")
            #expect(run.status == 6)
            #expect(
                run.talk.contains("timed out: node 'h1' stays draining, and 1 operation runs: noop \(id) for"),
                "\(run.talk)"
            )
            #expect(run.output.contains("draining"))
            #expect(try await cluster.count("SELECT COUNT(*) FROM nodes WHERE state = 'draining'") == 1)
        }
    }

    @Test func `what a dead worker ran is waited for until it is back in its queue`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]))
            var worker = try cluster.worker("h1")
            #expect(try await worker.claim(1).count == 1)
            try await openSession(of: worker, in: cluster)
            try await cluster.execute("UPDATE sessions SET dead = TRUE")
            let program = try await drain(cluster)
            try await eventually("it says so") { program.standardError.text.contains("whose process is dead") }
            try await cluster.execute(
                "UPDATE work_queue SET state = 'queued', session = NULL WHERE session IS NOT NULL"
            )
            #expect(try await program.exit == .code(0))
        }
    }

    @Test func `it waits for another leader, and ends when somebody undrains the node`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.elect("h1", term: 3)
            let program = try await drain(cluster)
            try await eventually("it says so") {
                program.standardError.text.contains("it is the elected network node until another one is ready")
            }
            try await cluster.execute("UPDATE leases SET holder_node = 'h2', term = 4")
            #expect(try await program.exit == .code(0))

            // So long that what ends is not the lease.
            try await cluster.execute(
                "UPDATE leases SET holder_node = 'h1', term = 5, expires_at = NOW(6) + INTERVAL 1 HOUR"
            )
            let second = try await drain(cluster)
            try await eventually("it waits") { second.standardError.text.contains("waiting for node 'h1'") }
            _ = try await cluster.answer(Node.self, "node", "undrain", "h1")
            try await eventually("it ends") { second.exitIfEnded != nil }
            #expect(try await second.exit == .code(1))
            #expect(second.standardError.text.contains("somebody has undrained it"))
        }
    }

    @Test func `an interrupt leaves the node draining, and says so`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]))
            var worker = try cluster.worker("h1")
            #expect(try await worker.claim(1).count == 1)
            try await openSession(of: worker, in: cluster)
            let program = try await drain(cluster)
            try await eventually("it waits") { program.standardError.text.contains("waiting for node 'h1'") }
            _ = program.signal(SIGINT)
            #expect(try await program.exit == .code(130))
            #expect(program.standardError.text.contains("interrupted: the node stays draining"))
            #expect(try await cluster.count("SELECT COUNT(*) FROM nodes WHERE state = 'draining'") == 1)
        }
    }

    /// Opens the session of a worker that has joined.
    private func openSession(of worker: TestWorker, in cluster: TestCluster) async throws {
        let identity = worker.identity
        try await cluster.execute(
            """
            INSERT INTO sessions (
                id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at)
            VALUES (\(identity.session), 'queueworker', \(identity.nodeID), \(identity.node), 1, 10000000,
                NOW(6), NOW(6), NOW(6) + INTERVAL 1 HOUR)
            """
        )
    }

    /// Starts `node drain h1` with `--wait`.
    private func drain(_ cluster: TestCluster) async throws -> SupervisedChild {
        try await SupervisedChild.start(
            ChildSpecification(
                executable: try BuiltProduct.path("clusterctl"),
                arguments: ["node", "drain", "h1", "--reason", "kernel", "--wait", "-o", "json"],
                environment: ClusterCtlProgram.environment(for: cluster.configuration),
                standardOutput: .collect(limit: 1 << 20, keeping: .head),
                standardError: .collect(limit: 1 << 20, keeping: .head)
            )
        )
    }
}

import ClusterOpsTestKit
import Foundation
import Logging
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// Each role's grants are enough for its work, and for nothing more: real programs work under it, the server refuses
/// nothing, and its log shows that every right was used.
@Suite(.timeLimit(.minutes(15))) struct RoleTests {
    @Test func `an enqueuer enqueues, adopts, orders, submits, retries, waits and looks at operations`() async throws {
        try await withRoles { world in
            let cluster = world.cluster
            try await cluster.addNetwork("blue")
            let user = try await world.user(.enqueuer)
            let live = try cluster.liveWorker("h1", handlers: [NoopHandler()])
            let update = "network_apply_update_dnsmasq --network blue"
            let first = try await world.enqueue(as: user, "\(update) --lane background")
            #expect(try await world.enqueue(as: user, "\(update) --lane user_waiting") == first)
            #expect(try await cluster.operation(OperationID(first)).queue.description == "networknode-user_waiting")
            let parent = try await world.enqueue(as: user, "noop --node h1")
            let child = try await world.enqueue(as: user, "noop --depends-on \(parent) --runs-after \(first)")
            try await world.clusterctl(as: user, "op enqueue noop --count 10")
            let graph = "{\"operations\": [{\"ref\": \"a\", \"tasks\": [\"noop\"]}]}"
            try await world.clusterctl(as: user, "op submit -", input: graph)
            _ = try await cluster.queue.cancel(OperationID(first))
            let orphan = try await world.enqueue(as: user, "noop --depends-on \(first)")
            #expect(try await world.state(orphan) == "aborted")
            // With a dependency that still lives, and one that depends on it in turn.
            let doomed = """
                {"operations": [{"ref": "a", "tasks": ["noop"], "depends_on": ["\(first)"], "runs_after": ["\(parent)"]},
                    {"ref": "b", "tasks": ["noop"], "depends_on": ["a"]}, {"ref": "c", "tasks": ["noop"], "runs_after": ["b"]}]}
                """
            let submitted = try await world.clusterctl(as: user, "op submit - -o json", input: doomed)
            #expect(submitted.matches(of: /"aborted"/).count == 2 && submitted.matches(of: /"queued"/).count == 1)
            try await world.clusterctl(as: user, "op retry \(first) --with-dependents")
            try await world.clusterctl(as: user, "op retry \(first) --force")
            try await world.clusterctl(as: user, "op enqueue noop --label release=42")
            try await world.clusterctl(as: user, "op enqueue nonsense", exit: 64)
            try await world.clusterctl(as: user, "op enqueue noop --interface \(InterfaceID.new())", exit: 3)
            // A waiter is rung where a worker can be reached.
            try await world.pretendWorker()
            _ = try await cluster.withWorkers([live]) {
                try await world.clusterctl(as: user, "op wait \(child) \(parent) --timeout 60s")
            }
            try await world.clusterctl(as: user, "op wait \(parent)")
            try await world.clusterctl(as: user, "op show \(child)")
            try await cluster.execute("INSERT INTO attempt_outputs VALUES (\(child), 1, 0, 'stdout', 'done', 4)")
            #expect(try await world.clusterctl(as: user, "op logs \(child)").hasSuffix("done\n"))
            try await world.clusterctl(as: user, "op logs \(child) --follow")
            try await world.clusterctl(as: user, "op list --network blue")
            #expect(try await cluster.refusals() == [])
            try await world.expectAllWasUsed(user)
            try await world.expectGoodPlans(user)
            try await world.clusterctl(as: user, "op cancel \(first)", exit: 4)
            try await world.clusterctl(as: user, "queue pause * --reason mine", exit: 77)
        }
    }

    @Test func `a reader sees everything, waits, and changes nothing`() async throws {
        try await withRoles { world in
            let cluster = world.cluster
            let network = try await cluster.addNetwork("blue")
            try await cluster.execute(
                "INSERT INTO external_network VALUES (1, '203.0.113.0/24', '203.0.113.1', '203.0.113.2', '203.0.113.9')"
            )
            let user = try await world.user(.reader)
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            for line in [
                "status", "node list", "node show h1", "network list", "network show blue", "network leases blue",
                "events", "interface list", "interface list --network blue", "op list", "op show \(id)",
                "op explain \(id)", "op logs \(id)", "queue list",
                "queue waits",
                "coalescing show", "leader show", "service list", "db status", "external show", "task list",
                "op list --label release=42 --error command_failed", "op retry --state error --dry-run",
            ] {
                try await world.clusterctl(as: user, line)
            }
            let doctor = try await world.clusterctl(as: user, "doctor -o json", exit: 1)
            #expect(!doctor.contains("not_run") && !doctor.contains("lacks"), "\(doctor)")
            #expect(try await cluster.refusals() == [])
            try await world.expectAllWasUsed(user)
            // It polls, because it may not enter where to ring.
            try await world.pretendWorker()
            try await world.clusterctl(as: user, "op wait \(id) --timeout 1s", exit: 6)
            #expect(try await cluster.refusals().count == 1)
            let interface = InterfaceID.new()
            for line in [
                "op enqueue noop", "op cancel \(id)", "node drain h1", "network set blue --mtu 1400",
                "interface remove \(interface) --yes", "queue pause * --reason mine", "db migrate",
            ] {
                let run = try await ProgramRun.run(
                    try BuiltProduct.path("clusterctl"),
                    line.split(separator: " ").map(String.init),
                    environment: world.environment(user)
                )
                #expect(run.status == 77 || run.status == 3, "\(line): \(run)")
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE cancel_requested_at IS NULL") == 1)
            #expect(try await cluster.count("SELECT generation FROM networks WHERE id = \(network)") == 1)
            try await world.expectGoodPlans(user)
        }
    }

    @Test func `an operator has all commands but the migration`() async throws {
        try await withRoles { world in
            let cluster = world.cluster
            let user = try await world.user(.operator)
            let lines = [
                "node add h3 --underlay 10.0.0.33", "node set h3 --underlay 10.0.0.34", "node drain h3",
                "node undrain h3",
                "network add blue --vni 100 --cidr 10.9.0.0/24", "network set blue --mtu 1400",
                "network reconcile blue", "network add red --vni 101 --cidr 10.9.0.0/24", "network remove red --yes",
                "interface add blue --node h3 --mac 02:00:00:00:00:01 --address 10.9.0.11 --hostname g1",
                "external set --cidr 203.0.113.0/24 --gateway 203.0.113.1", "external show", "network set blue --nat",
                "queue pause any-* --reason why", "queue resume any-*", "status", "queue list", "service list",
                "op list", "coalescing show", "db status", "leader show", "queue waits", "events",
                "network leases blue",
                "bench enqueue --operations 3 --on-live-database",
            ]
            for line in lines { try await world.clusterctl(as: user, line) }
            struct Interfaces: Decodable {
                struct Item: Decodable { let uuid: String }
                let items: [Item]
            }
            let list = try await world.clusterctl(as: user, "interface list -o json")
            let interface = try JSONDecoder().decode(Interfaces.self, from: Data(list.utf8)).items[0].uuid
            try await world.clusterctl(as: user, "interface set \(interface) --node h2 --allow-address 10.9.0.9")
            try await world.clusterctl(as: user, "interface set \(interface) --clear-allowed-addresses")
            try await world.clusterctl(as: user, "interface float \(interface) --port tcp/80")
            try await world.clusterctl(as: user, "interface unfloat \(interface)")
            try await world.clusterctl(as: user, "interface remove \(interface) --yes")
            try await world.clusterctl(as: user, "node remove h3 --yes")
            try await world.clusterctl(as: user, "network set blue --no-nat")
            try await world.clusterctl(as: user, "external remove --yes")

            let parent = try await world.enqueue(as: user, "noop")
            let child = try await world.enqueue(as: user, "noop --depends-on \(parent)")
            let other = try await world.enqueue(as: user, "noop --runs-after \(parent)")
            try await world.clusterctl(as: user, "op explain \(child)")
            try await world.clusterctl(as: user, "op logs \(child)")
            // More than one transaction aborts; the first ones are.
            try await world.clusterctl(as: user, "op enqueue noop --depends-on \(parent) --count 1001")
            try await world.clusterctl(as: user, "op cancel \(parent)")
            try await world.clusterctl(as: user, "op enqueue noop --count 3 --lane background --label sweep=1")
            try await world.clusterctl(as: user, "op cancel --lane background --yes")
            try await world.clusterctl(as: user, "op retry --label sweep=1")
            #expect(try await world.state(child) == "aborted")
            #expect(try await world.state(other) == "queued")
            #expect(try await world.state(world.enqueue(as: user, "noop --depends-on \(parent)")) == "aborted")
            try await world.clusterctl(as: user, "op retry \(parent)")
            try await world.clusterctl(as: user, "op retry \(parent) --force")
            try await cluster.execute("DELETE FROM work_queue")

            // A primary that runs is marked; its adoption tells of the request that shares it.
            let update = "network_apply_update_dnsmasq --network blue"
            let first = try await world.enqueue(as: user, update)
            #expect(try await world.enqueue(as: user, update) == first)
            _ = try await world.enqueue(as: user, "\(update) --no-dedup")
            var worker = try cluster.worker()
            _ = try await worker.claim()
            try await world.clusterctl(as: user, "op cancel \(first)")

            try await cluster.execute(
                """
                INSERT INTO leases (name, holder, holder_node, term, renewed_at, expires_at)
                VALUES ('networknode', UUID(), 'h1', 1, NOW(6), NOW(6) + INTERVAL 60 SECOND)
                """
            )
            // Nobody is there to answer, and the wish is withdrawn.
            try await world.clusterctl(as: user, "leader resign --timeout 1s", exit: 6)
            let doctor = try await world.clusterctl(as: user, "doctor -o json", exit: 1)
            #expect(!doctor.contains("not_run") && !doctor.contains("lacks"), "\(doctor)")
            try await waitAsIfRung(world, user)
            #expect(try await cluster.refusals() == [])
            try await world.expectAllWasUsed(user)
            try await world.expectGoodPlans(user)
            try await world.clusterctl(as: user, "db migrate", exit: 77)
        }
    }

    /// Waits for an operation that does not end, where a worker seems to live.
    private func waitAsIfRung(_ world: RoleWorld, _ user: RoleUser) async throws {
        try await world.pretendWorker()
        let id = try await world.enqueue(as: user, "noop --delay 1h")
        try await world.clusterctl(as: user, "op wait \(id) --timeout 300ms", exit: 6)
    }
}

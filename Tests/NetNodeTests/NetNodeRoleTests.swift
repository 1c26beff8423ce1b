import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import MariaDB
import Testing

extension NamespaceTests {
    /// What `netnode` may do in the database is enough for its work, and for nothing more.
    @Suite(.serialized, .tags(.long)) struct NetNodeRoleTests {
        @Test func `netnodes are elected, serve, hand over, repair and reap with the rights of their role alone`()
            async throws
        {
            let server = try PrivateServer(options: SpokenStatements.serverOptions)
            defer { server.destroy() }
            try await withNetNodes(hosts: 3, timing: .short, on: server) { nodes in
                let (world, cluster) = (nodes.world, nodes.world.cluster)
                let user = try await RoleUser.make(
                    .netnode,
                    in: cluster.configuration,
                    by: cluster.database,
                    on: server
                )
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                // An unknown client gets to the server only where port security is off.
                let open = try await world.addNetwork("open", vni: 300)
                try await cluster.execute("UPDATE networks SET port_security = FALSE WHERE name = 'open'")
                try await world.want(13, in: open, on: 0)
                try await Self.leaveLitter(cluster)
                var environment = user.environment
                environment["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL"] = "1s"
                environment["CLUSTEROPS_ELECTION_RENEW"] = "200ms"
                environment["CLUSTEROPS_ELECTION_OUTAGE"] = "4s"
                for index in 0..<3 { try await nodes.start(index, environment: environment) }
                var first = try await nodes.elected()
                try await nodes.meshed(blue)
                let guest = try await world.start(11, in: blue, on: 0)
                #expect(try await world.underlay.lease(of: guest) != nil)
                try await nodes.meshed(open)
                let client = try LeaseClient(try await world.start(13, in: open, on: 0))
                try client.discover(try MACAddress("02:00:00:00:0f:01"))
                for table: SQL in ["dhcp_leases", "network_events"] {
                    try await eventually("a lease and an unknown client are written down") {
                        try await cluster.count("SELECT COUNT(*) FROM \(sql: table)") == 1
                    }
                }
                try await cluster.execute("UPDATE networks SET generation = generation + 1 WHERE id = \(blue.id)")
                try await nodes.meshed(blue)

                nodes.servers(first).forEach { _ = kill($0, SIGSTOP) }
                try await eventually("a server that does not answer is a problem") {
                    try await cluster.count("SELECT COUNT(*) FROM network_problems") > 0
                }
                try await eventually("which goes when it is replaced", within: .seconds(60)) {
                    try await cluster.count("SELECT COUNT(*) FROM network_problems") == 0
                }
                try await eventually("its server is seen in the cluster") {
                    try await cluster.count("SELECT COUNT(*) FROM supervised_processes") > 0
                }
                try await Self.cutOff((first + 1) % 3, of: world)
                try await Self.holdAndRelease(nodes)
                var last: [OperationID] = []
                for task in ["network_apply_update_dnsmasq", "network_remove_dhcp_lease", "network_ensure_mesh"] {
                    let perNode = task == "network_ensure_mesh"
                    let node = perNode ? try NodeName("h1") : nil
                    let request = OperationRequest(
                        tasks: [try TaskName(task)],
                        target: .init(network: try NetworkName("blue"), node: node),
                        dependsOn: last
                    )
                    last = [try await cluster.queue.enqueue(request).uuid]
                }
                let id = last[0]
                try await eventually("the last of them completes") {
                    try await cluster.operation(id).state == .complete
                }
                try await Self.askTwice(user, cluster)
                try await Self.endWithManyDependents(user, cluster)
                var term = try await nodes.term()
                let led = first
                try await cluster.execute(
                    """
                    UPDATE data_plane_checks AS c JOIN nodes AS n ON n.id = c.node SET c.state = 'failed', c.reason = 'test'
                    WHERE n.name = \("h\(led + 1)") AND c.what = 'underlay_address'
                    """
                )
                first = try await nodes.elected(above: term)
                #expect(first != led, "a leader that is at fault by its own word hands over")
                term = try await nodes.term()
                try nodes.program(first).signal(SIGTERM)
                #expect(try await nodes.program(first).end() == 0)
                let second = try await nodes.elected(above: term)
                #expect(second != first)
                // The third one has said that it is ready, and takes that back at its end.
                try nodes.program(3 - first - second).signal(SIGTERM)
                #expect(try await nodes.program(3 - first - second).end() == 0)
                try await nodes.start(first, environment: environment)
                try nodes.program(second).signal(SIGKILL)
                _ = try await nodes.program(second).end()
                #expect(try await nodes.elected(above: term + 1) == first)
                #expect(try await cluster.refusals() == [])
                let unused = SpokenStatements.accesses(allowedTo: .netnode)
                    .subtracting(try await SpokenStatements.accesses(of: user, in: cluster))
                #expect(unused.sorted() == [], "netnode may do what it does not do")
                try nodes.program(first).signal(SIGTERM)
                #expect(try await nodes.program(first).end() == 0)
                let (plans, faulty) = try await cluster.reviewPlans(of: user)
                #expect(faulty == [])
                #expect(plans.count >= 20)
            }
        }

        /// Takes a node's underlay away until another one has written down that it does not reach it.
        private static func cutOff(_ index: Int, of world: MeshWorld) async throws {
            let (port, outside) = ("port\(index + 1)", world.underlay.switchNamespace)
            let unreachable: SQL = "SELECT COUNT(*) FROM mesh_reachability WHERE state = 'unreachable'"
            try await world.underlay.run("ip link set dev \(port) nomaster", in: outside)
            try await eventually("a path is found broken") { try await world.cluster.count(unreachable) > 0 }
            try await world.underlay.run("ip link set dev \(port) master ubr", in: outside)
            try await eventually("and whole again") { try await world.cluster.count(unreachable) == 0 }
        }

        /// Removes a network of which a guest's device is left on a node, and then the device.
        private static func holdAndRelease(_ nodes: NetNodes) async throws {
            let (world, cluster) = (nodes.world, nodes.world.cluster)
            let red = try await world.addNetwork("red", vni: 200)
            try await nodes.meshed(red)
            let namespace = world.hosts[0].namespace
            try await world.underlay.run("ip link add cotap9 type veth peer name cotap9in", in: namespace)
            try await world.underlay.run("ip link set cotap9 master \(red.bridge)", in: namespace)
            try await world.removeNetwork("red")
            try await eventually("only the node with the device holds the VNI") {
                let all = try await cluster.count("SELECT COUNT(*) FROM vni_holds")
                let named = try await cluster.count("SELECT COUNT(*) FROM vni_holds WHERE devices = 'cotap9'")
                return all == 1 && named == 1
            }
            try await world.underlay.run("ip link del cotap9", in: namespace)
            try await eventually("it releases the VNI") {
                try await cluster.count("SELECT COUNT(*) FROM vni_holds") == 0
            }
        }

        /// What others have left behind, for a reaper.
        private static func leaveLitter(_ cluster: TestCluster) async throws {
            try await cluster.execute(
                """
                INSERT INTO sessions (
                    id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at, dead)
                SELECT UUID(), 'netnode', id, name, 4711, 1000000, NOW(6), NOW(6) - INTERVAL 2 HOUR,
                    NOW(6) - INTERVAL 2 HOUR, TRUE
                FROM nodes WHERE name = 'h1'
                """
            )
            try await cluster.execute(
                "INSERT INTO operation_waiters VALUES (UUID(), '127.0.0.1:9', NOW(6) - INTERVAL 1 HOUR)"
            )
        }

        /// The end of an operation with more dependents than one transaction takes.
        private static func endWithManyDependents(_ user: RoleUser, _ cluster: TestCluster) async throws {
            let noop = BuiltInTask.noop.name
            let root = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [root]), count: 1001)
            // One that fails aborts what depends on it.
            let failing = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [failing]))
            var worker = try cluster.worker("h1", queues: ["any-user_facing"])
            let session = worker.identity.session
            try await cluster.execute(
                """
                INSERT INTO sessions (
                    id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at)
                SELECT \(session), 'queueworker', id, name, 4712, 60000000, NOW(6), NOW(6), NOW(6) + INTERVAL 1 MINUTE
                FROM nodes WHERE name = 'h1'
                """
            )
            let claims = try await worker.claim(2)
            try await cluster.execute("UPDATE work_queue SET failures = max_attempts - 1 WHERE id = \(failing)")
            func entries(of id: OperationID, _ report: AttemptReport) -> [Settling.Entry] {
                claims.filter { $0.operation.id == id }.map {
                    Settling.Entry(id: id, delivery: $0.operation.deliveries, report: report)
                }
            }
            let succeeded = entries(of: root, .succeeded(result: nil))
            let failed = entries(of: failing, .failed(OperationFailure(code: "boom", message: "boom")))
            try await user.withDatabase { database in
                let result = try await Settling(database: database).settle(succeeded, of: session)
                #expect(result.settled == [root] && result.isUnfinished)
                _ = try await Settling(database: database).settle(failed, of: session)
                try await CascadeWork(database: database).runAll { _ in }
            }
            try await eventually("all are released, by this user or by a netnode") {
                try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE state = 'blocked'") == 0
            }
            try await cluster.execute("DELETE FROM work_queue WHERE queue_name LIKE 'any%'")
        }

        /// A repair that finds another one waiting, as the elected node's check of all nodes does.
        private static func askTwice(_ user: RoleUser, _ cluster: TestCluster) async throws {
            // A node without a netnode, so that it waits.
            try await cluster.addNode("h9")
            try await user.withDatabase { database in
                let counters = CoalescingCounters(database: database)
                let queue = ClusterEngine.OperationQueue(
                    database: database,
                    requester: "netnode",
                    counters: counters,
                    waker: NoWaker()
                )
                let request = OperationRequest(
                    tasks: [BuiltInTask.networkEnsureMesh.name],
                    target: .init(network: try NetworkName("blue"), node: try NodeName("h9")),
                    lane: .background
                )
                _ = try await queue.enqueue(request)
                let second = try await queue.enqueue(request)
                #expect(second.deduplicated)
                try await counters.flush()
            }
            try await cluster.execute("DELETE FROM work_queue WHERE node_name = 'h9'")
            try await cluster.execute("DELETE FROM nodes WHERE name = 'h9'")
        }
    }
}

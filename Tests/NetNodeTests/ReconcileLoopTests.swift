import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import MariaDB
import Testing

@testable import NetNode

extension NamespaceTests {
    /// The loop by which everything that changes networks goes.
    @Suite(.serialized) struct ReconcileLoopTests {
        @Test func `networks that are added at once share a read, a batch and a write`() async throws {
            let server = try PrivateServer(options: SpokenStatements.serverOptions)
            defer { server.destroy() }
            try await withMesh(hosts: 2, on: server) { world in
                let networks = try await (0..<30).asyncMap { try await world.addNetwork("n\($0)", vni: 1000 + $0) }
                for network in networks { try await world.want(11, in: network, on: 0) }
                try await world.withLoop(0) { loop in
                    try await world.cluster.execute("TRUNCATE TABLE mysql.general_log")
                    try await withThrowingTaskGroup(of: Reconciled.self) { group in
                        for network in networks {
                            group.addTask { try await loop.reconcile(.network(network.vni), .operation) }
                        }
                        for try await outcome in group { #expect(outcome.meshTrouble == nil && outcome.network != nil) }
                    }
                    let programs = world.commands.value.count
                    func asked(_ pattern: String) async throws -> Int {
                        try await world.cluster.count(
                            """
                            SELECT COUNT(*) FROM mysql.general_log
                            WHERE command_type IN ('Query', 'Execute') AND argument LIKE \(pattern)
                                AND argument NOT LIKE '%general_log%'
                            """
                        )
                    }
                    let reads = try await asked("SELECT NULL AS network%")
                    let writes = try await asked("START TRANSACTION%")
                    print("30 networks at once: \(reads) reads, \(writes) transactions, \(programs) programs")
                    // What is added while the first run is under way is for the second; a slow machine may need a
                    // third.
                    #expect((1...3).contains(reads) && (1...3).contains(writes) && programs <= 3 * 4)
                    #expect(try await world.cluster.count("SELECT COUNT(*) FROM applied_state") == networks.count)
                }
            }
        }

        @Test func `who waits no longer, or for a loop that has ended, is told so`() async throws {
            try await withMesh(hosts: 1) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                let ended = Locked<ReconcileLoop?>(nil)
                try await world.cluster.database.withSession { session in
                    try session.execute("LOCK TABLES networks WRITE")
                    try blocking {
                        try await world.withLoop(0) { loop in
                            ended.update { $0 = loop }
                            await withTaskGroup(of: Void.self) { group in
                                group.addTask {
                                    await #expect(throws: CancellationError.self) {
                                        try await loop.reconcile(.network(blue.vni), .operation)
                                    }
                                }
                                group.cancelAll()
                            }
                        }
                    }
                    try session.execute("UNLOCK TABLES")
                }
                let loop = try #require(ended.value)
                await #expect(throws: CancellationError.self) {
                    try await loop.reconcile(.network(blue.vni), .operation)
                }
            }
        }

        @Test func `what was changed in the database is no drift, and what was changed on the node is`() async throws {
            try await withMesh(hosts: 2) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                try await world.withLoop(0) { loop in
                    func repair() async throws {
                        _ = try await loop.reconcile(.network(blue.vni), .repair)
                    }
                    try await repair()
                    try await world.want(12, in: blue, on: 1)
                    try await repair()
                    try await repair()
                    #expect(loop.record.drift == MaintenanceRecord.Drift())
                    try await world.underlay.run("ip link del dev covx100", in: world.hosts[0].namespace)
                    // By whatever it is found, also by an operation.
                    _ = try await loop.reconcile(.network(blue.vni), .operation)
                    try await repair()
                    #expect(loop.record.drift == MaintenanceRecord.Drift(found: 1, repaired: 1))
                }
            }
        }

        @Test func `a server told before its namespace was made anew is brought up on the new one`() async throws {
            try await withMesh(hosts: 1, networkNodes: [0]) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                try await world.withLoop(0, tenure: try await world.elect(0)) { loop in
                    #expect(try await loop.reconcile(.network(blue.vni), .operation).server == .started)
                    let host = world.hosts[0]
                    for _ in 0..<3 {
                        // An operation comes before the repair, and before anything has noticed.
                        try await world.underlay.run("ip netns del \(host.namespacePrefix)100", in: host.namespace)
                        let outcome = try await loop.reconcile(.network(blue.vni), .operation)
                        #expect(outcome.serverFailure == nil, "\(String(describing: outcome.serverFailure))")
                        #expect(await !loop.networks.servers.hasDrifted(blue.vni))
                    }
                    #expect(try await world.cluster.count("SELECT COUNT(*) FROM network_problems") == 0)
                }
            }
        }

        @Test func `findings that one network's rows refuse keep no other's from being written down`() async throws {
            try await withMesh(hosts: 1, networkNodes: [0]) { world in
                let (blue, green) = (
                    try await world.addNetwork("blue", vni: 100), try await world.addNetwork("green", vni: 200)
                )
                try await world.withLoop(0) { loop in
                    try await world.cluster.execute("UPDATE networks SET generation = 9 WHERE name = 'blue'")
                    try await world.cluster.execute("ALTER TABLE applied_state ADD CHECK (generation < 9)")
                    let results = try await loop.reconcile([.network(blue.vni), .network(green.vni)], .operation)
                    #expect(throws: DatabaseError.self) { try results[.network(blue.vni)]?.get() }
                    #expect(try results[.network(green.vni)]?.get().meshTrouble == nil)
                    #expect(
                        try await world.cluster.count(
                            "SELECT COUNT(*) FROM applied_state WHERE network = \(green.id)"
                        ) == 1
                    )
                }
            }
        }

        @Test func `a server that takes its time keeps no other network waiting`() async throws {
            try await withMesh(hosts: 1, networkNodes: [0]) { world in
                let (blue, green) = (
                    try await world.addNetwork("blue", vni: 100), try await world.addNetwork("green", vni: 200)
                )
                try await world.withLoop(0, tenure: try await world.elect(0)) { loop in
                    for network in [blue, green] {
                        #expect(try await loop.reconcile(.network(network.vni), .operation).server == .started)
                    }
                    let pid = try #require(await loop.networks.servers.running[blue.vni])
                    kill(pid, SIGSTOP)
                    try await withThrowingTaskGroup(of: Duration.self) { group in
                        let start = ContinuousClock.now
                        group.addTask {
                            // It is asked, does not answer in 3 s, and is ended.
                            let outcome = try await loop.reconcile(.network(blue.vni), .operation)
                            #expect(outcome.serverFailure is ServerError)
                            return ContinuousClock.now - start
                        }
                        for number in 11...15 {
                            try await world.want(number, in: green, on: 0)
                            #expect(try await loop.reconcile(.network(green.vni), .operation).server == .reloaded)
                        }
                        let others = ContinuousClock.now - start
                        let slow = try #require(try await group.next())
                        #expect(others < slow, "five changes took \(others), the other's server \(slow)")
                    }
                }
            }
        }
    }
}

extension Range<Int> {
    fileprivate func asyncMap<Element>(_ transform: (Int) async throws -> Element) async rethrows -> [Element] {
        var elements: [Element] = []
        for index in self { elements.append(try await transform(index)) }
        return elements
    }
}

@Suite struct KnownNetworksTests {
    private func wanted(_ vnis: [Int]) throws -> NodeWanted {
        NodeWanted(
            isNetworkNode: false,
            mesh: MeshWanted(
                networks: try vnis.map { vni in
                    MeshWanted.Network(
                        id: .new(),
                        name: try NetworkName("n\(vni)"),
                        vni: try VNI(vni),
                        mtu: try MTU(1450),
                        generation: 1,
                        local: try IPv4Address("192.0.2.1"),
                        flood: [],
                        guests: [:]
                    )
                }
            ),
            servers: [],
            ports: [],
            unreadable: []
        )
    }

    @Test func `what a run did not read is known as before, and what it read and is gone is forgotten`() throws {
        var known = KnownNetworks()
        let (first, second) = (try VNI(100), try VNI(200))
        known.note(try wanted([100, 200]), of: [first, second])
        #expect(known.vnis == [first, second])
        known.note(try wanted([]), of: [first])
        #expect(known.vnis == [second] && known.id(of: first) == nil && known.id(of: second) != nil)
        #expect(known.wanted(of: [first, second]).mesh.vnis == [second])
        known.forget(second)
        #expect(known.vnis == [])
    }
}

import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

@Suite struct ServiceCommandTests {
    private func services(_ cluster: TestCluster) async throws -> [ServiceView] {
        try await cluster.example(
            of: ListView<ServiceView>.self,
            "service-list",
            ["service", "list"],
            alsoAsTable: true
        )
        .items
    }

    private func samples(_ readings: [ProcessReading]) -> [ProcessSampler.Sample] {
        var sampler = ProcessSampler()
        return sampler.take(readings, at: .now).samples
    }

    @Test func `samples of all nodes are listed, and go with the session that took them`() async throws {
        try await withCluster { cluster in
            for name in ["h1", "h2"] { try await cluster.addNode(name) }
            let first = try await cluster.openSession(on: "h1")
            let second = try await cluster.openSession(on: "h2")
            let readings = [
                ProcessReading(
                    service: "dnsmasq 100",
                    state: .running,
                    pid: 11,
                    restarts: 2,
                    memoryBytes: 2 << 20,
                    processorTime: .seconds(3),
                    health: .healthy
                ),
                ProcessReading(service: "dnsmasq 7", state: .failed, health: .unhealthy("it \"died\"\n")),
            ]
            let both = samples(readings)
            try await cluster.database.withSession { session in
                try SupervisionStatements.write(both, of: first, on: session)
                // The second time they are changed, not added.
                try SupervisionStatements.write(both, of: first, on: session)
                try SupervisionStatements.write(Array(both.prefix(1)), of: second, on: session)
            }
            var list = try await services(cluster)
            #expect(list.map { "\($0.node) \($0.service)" } == ["h1 dnsmasq 100", "h1 dnsmasq 7", "h2 dnsmasq 100"])
            #expect(list[0].pid == 11 && list[0].restarts == 2 && list[0].memoryBytes == 2 << 20)
            #expect(list[0].health == "healthy" && list[0].healthReason == nil && list[0].cpuPercent == nil)
            #expect(list[1].state == "failed" && list[1].healthReason == "it \"died\"\n" && list[1].pid == nil)

            try await cluster.database.withSession { session in
                try SupervisionStatements.forget(["dnsmasq 100"], of: first, on: session)
            }
            list = try await services(cluster)
            #expect(list.map { "\($0.node) \($0.service)" } == ["h1 dnsmasq 7", "h2 dnsmasq 100"])

            // A session that has ended writes nothing more, and shows nothing.
            try await cluster.database.withSession { session in
                try SessionStatements.close(first, on: session)
                try SupervisionStatements.write(both, of: first, on: session)
            }
            #expect(try await services(cluster).map(\.node.description) == ["h2"])
            #expect(try await cluster.count("SELECT COUNT(*) FROM supervised_processes") == 2)
            // Its row stays until nothing names it, so that its samples are found however late.
            try await cluster.execute("UPDATE sessions SET renewed_at = NOW(6) - INTERVAL 2 HOUR WHERE id = \(first)")
            try await cluster.database.withSession { try SessionStatements.forgetDead(on: $0) }
            #expect(try await cluster.count("SELECT COUNT(*) FROM sessions WHERE id = \(first)") == 1)
            try await Reaper(database: cluster.database, waker: NoWaker(), logger: .silent).pass()
            #expect(try await cluster.count("SELECT COUNT(*) FROM supervised_processes") == 1)
        }
    }

    @Test func `the database server that a process uses is in status and service list, and several need a look`()
        async throws
    {
        try await withCluster { cluster in
            for name in ["h1", "h2", "h3"] { try await cluster.addNode(name) }
            let first = try await cluster.openSession(on: "h1")
            for name in ["h2", "h3"] { try await cluster.openSession(on: name) }
            let sample = samples([ProcessReading(service: "dnsmasq 7", state: .failed, health: .unhealthy("it died"))])
            try await cluster.database.withSession { try SupervisionStatements.write(sample, of: first, on: $0) }
            let own = try await cluster.database.withSession { $0.server }
            func used() async throws -> ([String: Int], [String]) {
                let status = try StatusView(
                    try await cluster.database.withSession { try StatusStatements.rows(on: $0) }
                )
                return (
                    Dictionary(uniqueKeysWithValues: status.database.servers.map { ($0.server, $0.processes) }),
                    status.attention.filter { $0.contains("database server") }
                )
            }
            #expect(try await used() == ([own: 3], []))
            #expect(try await services(cluster).map(\.databaseServer) == [own])
            #expect(try await cluster.clusterctl("status").output.contains("\(own) by 3"))

            try await cluster.execute("UPDATE sessions SET server = 'db 2|x' WHERE node_name = 'h1'")
            #expect(
                try await used()
                    == ([own: 2, "db 2|x": 1], ["processes use several database servers: db 2|x by 1, \(own) by 2"])
            )
            #expect(try await services(cluster).map(\.databaseServer) == ["db 2|x"])
            // What is dead or has never said it uses none.
            try await cluster.execute("UPDATE sessions SET dead = TRUE WHERE node_name = 'h1'")
            try await cluster.execute("UPDATE sessions SET server = NULL WHERE node_name = 'h2'")
            #expect(try await used() == ([own: 1], []))
            _ = try await cluster.example(of: StatusView.self, "status", ["status"], alsoAsTable: true)
        }
    }

    @Test func `a reaper that finds a session dead forgets what it supervised`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let session = try await cluster.openSession(on: "h1", lease: .milliseconds(200))
            let one = samples([ProcessReading(service: "dnsmasq 7", state: .failed, health: .unknown)])
            try await cluster.database.withSession { try SupervisionStatements.write(one, of: session, on: $0) }
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            try await eventually("it is reaped") {
                try await reaper.pass()
                return try await cluster.count("SELECT COUNT(*) FROM supervised_processes") == 0
            }
        }
    }
}

extension TestCluster {
    @discardableResult
    fileprivate func openSession(on node: String, lease: Duration = .seconds(60)) async throws -> SessionID {
        let name = try NodeName(node)
        return try await database.withSession { session in
            guard let node = try TopologyStatements.nodeID(name, on: session) else {
                throw ClusterOpsError(.notFound, "there is no node")
            }
            let opening = SessionStatements.Opening(
                id: .new(),
                daemon: .netnode,
                node: node,
                nodeName: name,
                pid: 1,
                slots: 4,
                doorbell: nil,
                lease: lease
            )
            try SessionStatements.open(opening, on: session)
            return opening.id
        }
    }
}

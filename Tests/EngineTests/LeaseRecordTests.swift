import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// The writes of leases and DHCP events when two nodes make them, or one dies meanwhile.
@Suite(.timeLimit(.minutes(15))) struct LeaseRecordTests {
    private let network = NetworkID.new()
    private let macs: [MACAddress]
    private let addresses: [IPv4Address]

    init() throws {
        macs = try (1...2).map { try MACAddress("52:54:00:00:00:0\($0)") }
        addresses = try (11...60).map { try IPv4Address("10.9.0.\($0)") }
    }

    private func held(_ number: Int, by mac: Int = 0, remaining: Int = 3600) -> DHCPLeaseStatements.Held {
        .init(address: addresses[number], mac: macs[mac], remaining: remaining)
    }

    private func prepare(_ cluster: TestCluster) async throws {
        try await cluster.execute(
            """
            INSERT INTO networks (id, name, vni, cidr, mtu, dhcp, dns)
            VALUES (\(network), 'blue', 100, '10.9.0.0/24', 1450, TRUE, TRUE)
            """
        )
    }

    /// Makes a node the elected one under a term, as a takeover does.
    private func elect(_ node: String, term: UInt64, in cluster: TestCluster) async throws -> Tenure {
        let holder = SessionID.new()
        try await cluster.execute(
            """
            INSERT INTO leases (name, holder, holder_node, term, renewed_at, expires_at)
            VALUES (\(ElectedLease.networkNode), \(holder), \(node), \(term), NOW(6), NOW(6) + INTERVAL 60 SECOND)
            ON DUPLICATE KEY UPDATE holder = VALUE(holder), holder_node = VALUE(holder_node), term = VALUE(term)
            """
        )
        return Tenure(lease: ElectedLease.networkNode, term: term, holder: holder, until: .now + .seconds(60))
    }

    /// Writes leases as an elected node does.
    private func write(
        _ leases: [DHCPLeaseStatements.Held],
        by node: String,
        under tenure: Tenure,
        in cluster: TestCluster
    ) async throws {
        let (network, node) = (network, try NodeName(node))
        try await cluster.database.withTransaction { transaction in
            try DHCPLeaseStatements.write(leases, of: network, on: node, term: tenure.term, in: transaction)
            try tenure.confirm(in: transaction)
        }
    }

    /// Every lease in the table, with what a later term must find as it left it.
    private func rows(_ cluster: TestCluster) async throws -> [String] {
        try await cluster.database.withSession { session in
            try session.query(
                "SELECT CONCAT_WS(' ', address, mac, node_name, term) AS line FROM dhcp_leases ORDER BY address"
            ).map { try $0.only(String.self) }
        }
    }

    private func line(_ number: Int, by mac: Int = 0, _ node: String, _ term: UInt64) -> String {
        "\(addresses[number]) \(macs[mac]) \(node) \(term)"
    }

    @Test(arguments: [Disturbance.cutBefore, .cutAfter, .landLate])
    func `leases whose COMMIT has an unknown outcome are written again, and are the same`(
        disturbance: Disturbance
    ) async throws {
        try await withProxiedCluster { way in
            try await prepare(way.direct)
            let tenure = try await elect("h1", term: 1, in: way.direct)
            way.proxy.order(disturbance, at: .commit(of: "INSERT INTO dhcp_leases"))
            let error = await #expect(throws: DatabaseError.self) {
                try await write([held(0), held(1)], by: "h1", under: tenure, in: way.proxied)
            }
            #expect(error?.code == .outcomeUnknown)
            try await write([held(0), held(1)], by: "h1", under: tenure, in: way.proxied)
            try await eventually("it was disturbed, and the proxy says so") { way.proxy.counts.of(disturbance) == 1 }
            #expect(try await rows(way.direct) == [line(0, "h1", 1), line(1, "h1", 1)])
        }
    }

    @Test func `a node that is killed before its COMMIT has written nothing`() async throws {
        try await withProxiedCluster { way in
            try await prepare(way.direct)
            let tenure = try await elect("h1", term: 1, in: way.direct)
            let (network, node, lease) = (network, try NodeName("h1"), held(0))
            let connection = way.proxied.database
            await #expect(throws: DatabaseError.self) {
                try await connection.withReadsBeforeTransaction { session in
                    try session.transaction { transaction in
                        try DHCPLeaseStatements.write([lease], of: network, on: node, term: 1, in: transaction)
                        way.proxy.isolate()
                        try tenure.confirm(in: transaction)
                    }
                }
            }
            way.proxy.heal()
            // It waits for the locks of the one that was killed, if the server has not noticed it yet.
            try await write([held(1)], by: "h1", under: tenure, in: way.direct)
            #expect(try await rows(way.direct) == [line(1, "h1", 1)])
        }
    }

    @Test func `what an earlier term writes late overwrites nothing of a later one`() async throws {
        try await withCluster { cluster in
            try await prepare(cluster)
            let old = try await elect("h1", term: 1, in: cluster)
            try await write([held(0)], by: "h1", under: old, in: cluster)
            let new = try await elect("h2", term: 2, in: cluster)
            try await write([held(0, by: 1, remaining: 1000)], by: "h2", under: new, in: cluster)
            let before = try await cluster.leaseTimes()
            await #expect(throws: TenureOver.self) { try await write([held(0)], by: "h1", under: old, in: cluster) }
            // Also where nothing but the row itself tells, as on servers that certify row by row.
            let (network, node, leases) = (network, try NodeName("h1"), [held(0), held(0, by: 1), held(1)])
            for lease in leases {
                try await cluster.database.withTransaction { transaction in
                    try DHCPLeaseStatements.write([lease], of: network, on: node, term: 1, in: transaction)
                }
            }
            #expect(try await rows(cluster) == [line(0, by: 1, "h2", 2), line(1, "h1", 1)])
            #expect(try await cluster.leaseTimes().first == before.first, "neither since when nor until when has moved")
        }
    }

    @Test func `of two leaders that write the same leases at once the later term's stand`() async throws {
        try await withCluster { cluster in
            try await prepare(cluster)
            let (network, all) = (network, addresses.indices.map { held($0) })
            try await withThrowingTaskGroup(of: Void.self) { group in
                for round in 0..<20 {
                    for (node, term) in [("h1", 1), ("h2", 2)] as [(String, UInt64)] {
                        let name = try NodeName(node)
                        // Each in another order: a deadlock is not the end of it.
                        let leases = (round + Int(term)) % 2 == 0 ? all : all.reversed()
                        group.addTask {
                            try await cluster.database.withTransaction { transaction in
                                let sorted = Array(leases)
                                try DHCPLeaseStatements.write(
                                    sorted,
                                    of: network,
                                    on: name,
                                    term: term,
                                    in: transaction
                                )
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await rows(cluster) == addresses.indices.map { line($0, "h2", 2) })
        }
    }

    @Test func `a takeover waits for the COMMIT of the leader before it, and then writes over it`() async throws {
        try await withProxiedCluster { way in
            try await prepare(way.direct)
            let old = try await elect("h1", term: 1, in: way.direct)
            way.proxy.order(.hold, at: .commit(of: "INSERT INTO dhcp_leases"))
            let lease = held(0)
            await #expect(throws: DatabaseError.self) {
                try await write([lease], by: "h1", under: old, in: way.proxied)
            }
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask {
                    let new = try await elect("h2", term: 2, in: way.direct)
                    try await write([held(0, by: 1)], by: "h2", under: new, in: way.direct)
                }
                try await eventually("it waits") { try await way.direct.lockWaits() > 0 }
                #expect(try await rows(way.direct) == [])
                way.proxy.release()
            }
            try await eventually("the late COMMIT has landed") { way.proxy.counts.landedLate == 1 }
            #expect(try await rows(way.direct) == [line(0, by: 1, "h2", 2)])
        }
    }

    // MARK: Events

    private func writeEvent(_ age: Duration, by node: String, in cluster: TestCluster) async throws {
        let (event, node) = (
            NetworkEventStatements.Seen(
                network: network,
                networkName: try NetworkName("blue"),
                kind: .decline,
                mac: macs[0],
                address: addresses[0],
                detail: node,
                age: age
            ), try NodeName(node)
        )
        try await cluster.database.withTransaction { transaction in
            try NetworkEventStatements.write([event], on: node, in: transaction)
        }
    }

    /// The age of an event in the middle of the last minute but one: no minute ends near it.
    private func ageInMidMinute(_ cluster: TestCluster) async throws -> Duration {
        .seconds(try await cluster.count("SELECT SECOND(NOW()) + 90"))
    }

    private func events(_ cluster: TestCluster) async throws -> [String] {
        try await cluster.database.withSession { session in
            try session.query("SELECT CONCAT_WS(' ', node_name, detail) AS line FROM network_events")
                .map { try $0.only(String.self) }
        }
    }

    @Test(arguments: [Disturbance.cutBefore, .cutAfter, .landLate])
    func `an event whose COMMIT has an unknown outcome is written again, and is one`(
        disturbance: Disturbance
    ) async throws {
        try await withProxiedCluster { way in
            let age = try await ageInMidMinute(way.direct)
            way.proxy.order(disturbance, at: .commit(of: "INSERT INTO network_events"))
            let error = await #expect(throws: DatabaseError.self) {
                try await writeEvent(age, by: "h1", in: way.proxied)
            }
            #expect(error?.code == .outcomeUnknown)
            try await writeEvent(age, by: "h1", in: way.proxied)
            try await eventually("it was disturbed, and the proxy says so") { way.proxy.counts.of(disturbance) == 1 }
            #expect(try await events(way.direct) == ["h1 h1"])
        }
    }

    @Test func `two leaders that saw the same event write it once, and the first one's words stand`() async throws {
        try await withCluster { cluster in
            let age = try await ageInMidMinute(cluster)
            try await writeEvent(age, by: "h1", in: cluster)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 2..<20 { group.addTask { try await writeEvent(age, by: "h\(number)", in: cluster) } }
                try await group.waitForAll()
            }
            #expect(try await events(cluster) == ["h1 h1"])
        }
    }

    @Test func `sweeps beside writes wait for each other or begin again`() async throws {
        try await withCluster { cluster in
            try await prepare(cluster)
            let (network, node) = (network, try NodeName("h1"))
            let (all, ended) = (addresses.indices.map { held($0) }, addresses.indices.map { held($0, remaining: 0) })
            try await withThrowingTaskGroup(of: Void.self) { group in
                for round in 0..<30 {
                    let leases = round % 2 == 0 ? all : ended
                    group.addTask {
                        try await cluster.database.withTransaction { transaction in
                            try DHCPLeaseStatements.write(leases, of: network, on: node, term: 1, in: transaction)
                        }
                    }
                    group.addTask {
                        try await cluster.execute("UPDATE dhcp_leases SET ends_at = ends_at - INTERVAL 25 HOUR")
                        try await cluster.database.withTransaction { try DHCPLeaseStatements.sweep(in: $0) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM dhcp_leases") <= addresses.count)
        }
    }
}

extension TestCluster {
    /// Since when and until when each lease is held, by address.
    fileprivate func leaseTimes() async throws -> [String] {
        try await database.withSession { session in
            try session.query("SELECT CONCAT_WS(' ', since, ends_at) AS line FROM dhcp_leases ORDER BY address")
                .map { try $0.only(String.self) }
        }
    }
}

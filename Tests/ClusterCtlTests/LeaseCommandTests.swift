import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

@Suite struct LeaseCommandTests {
    private let node: NodeName
    private let macs: [MACAddress]
    private let addresses: [IPv4Address]

    init() throws {
        node = try NodeName("h1")
        macs = try (1...2).map { try MACAddress("52:54:00:00:00:0\($0)") }
        addresses = try (11...12).map { try IPv4Address("10.9.0.\($0)") }
    }

    private func leases(_ cluster: TestCluster) async throws -> [LeaseView] {
        try await cluster.example(
            of: ListView<LeaseView>.self,
            "network-leases",
            ["network", "leases", "blue"],
            alsoAsTable: true
        )
        .items
    }

    private func write(
        _ leases: [DHCPLeaseStatements.Held],
        of network: NetworkID,
        term: UInt64,
        in cluster: TestCluster
    ) async throws {
        let node = node
        try await cluster.database.withTransaction { transaction in
            try DHCPLeaseStatements.write(leases, of: network, on: node, term: term, in: transaction)
        }
    }

    private func held(_ number: Int, by other: Int? = nil, remaining: Int = 3600) -> DHCPLeaseStatements.Held {
        .init(address: addresses[number], mac: macs[other ?? number], remaining: remaining)
    }

    @Test func `leases are listed with their interfaces, by address, until they end`() async throws {
        try await withCluster { cluster in
            let network = try await cluster.addNetwork("blue")
            let host = try await cluster.addNode("h2")
            #expect(try await leases(cluster).isEmpty)
            let interface = InterfaceID.new()
            try await cluster.execute(
                """
                INSERT INTO interfaces (id, network, node, mac, address, hostname)
                VALUES (\(interface), \(network), \(host), \(macs[1]), \(addresses[1]), 'web2')
                """
            )
            try await write([held(1), held(0)], of: network, term: 1, in: cluster)
            let found = try await leases(cluster)
            #expect(found.map(\.address) == addresses && found.map(\.mac) == macs)
            #expect(found[0].interface == nil && found[0].hostname == nil && found[0].node == nil)
            #expect(found[1].interface == interface && found[1].hostname?.description == "web2")
            #expect(found[1].node?.description == "h2" && found.map(\.server) == [node, node])
            #expect(found.allSatisfy { $0.until.microseconds - $0.since.microseconds == 3_600_000_000 })
            try await write([held(0, remaining: 0)], of: network, term: 1, in: cluster)
            #expect(try await leases(cluster).map(\.address) == [addresses[1]])
            let run = try await ClusterCtlProgram.run(["network", "leases", "green"], on: cluster.configuration)
            #expect(run.status == 3 && run.talk.contains("green"))
        }
    }

    @Test func `written again a lease keeps its beginning, and a later term's end is never before an earlier one's`()
        async throws
    {
        try await withCluster { cluster in
            let network = try await cluster.addNetwork("blue")
            try await write([held(0, remaining: 3000)], of: network, term: 2, in: cluster)
            let first = try await leases(cluster)
            try await write([held(0, remaining: 1000)], of: network, term: 3, in: cluster)
            let second = try await leases(cluster)
            #expect(second.map(\.until) == first.map(\.until), "the guest was told so by the server of before")
            try await write([held(0, remaining: 1000)], of: network, term: 3, in: cluster)
            let third = try await leases(cluster)
            #expect(third[0].until < second[0].until, "the same server knows better")
            #expect(third[0].since == first[0].since)
            try await write([held(0, by: 1)], of: network, term: 3, in: cluster)
            let other = try await leases(cluster)
            #expect(other.map(\.mac) == [macs[1]] && other[0].since > first[0].since)

            // A node of an earlier term deletes nothing of a later one.
            for (term, left) in [(2, 1), (3, 0)] as [(UInt64, Int)] {
                try await cluster.database.withTransaction { transaction in
                    try DHCPLeaseStatements.delete(addresses, of: network, term: term, in: transaction)
                }
                #expect(try await leases(cluster).count == left)
            }
            try await write([held(0)], of: .new(), term: 3, in: cluster)
            #expect(try await cluster.count("SELECT COUNT(*) FROM dhcp_leases") == 0, "there is no such network")
        }
    }

    @Test func `what has ended long ago is swept, a bounded number of it, and nothing else`() async throws {
        try await withCluster { cluster in
            let network = try await cluster.addNetwork("blue")
            try await write([held(0), held(1, remaining: 0)], of: network, term: 1, in: cluster)
            func sweep() async throws -> [Int] {
                try await cluster.database.withTransaction { transaction in
                    try DHCPLeaseStatements.sweep(in: transaction)
                    try NetworkEventStatements.sweep(in: transaction)
                }
                return [
                    try await cluster.count("SELECT COUNT(*) FROM dhcp_leases"),
                    try await cluster.count("SELECT COUNT(*) FROM network_events"),
                ]
            }
            try await writeEvents([.decline, .refusal], of: network, in: cluster)
            #expect(try await sweep() == [2, 2])
            try await cluster.execute("UPDATE dhcp_leases SET ends_at = ends_at - INTERVAL 25 HOUR")
            try await cluster.execute(
                "UPDATE network_events SET happened_at = happened_at - INTERVAL 8 DAY WHERE kind = 'nak'"
            )
            #expect(try await sweep() == [0, 1])
        }
    }

    private func writeEvents(
        _ kinds: [DHCPEventKind],
        of network: NetworkID,
        age: Duration = .zero,
        in cluster: TestCluster
    ) async throws {
        let (node, mac, address) = (node, macs[0], addresses[0])
        let events = try kinds.map { kind in
            NetworkEventStatements.Seen(
                network: network,
                networkName: try NetworkName("blue"),
                kind: kind,
                mac: mac,
                address: kind == .unknownClient ? nil : address,
                detail: "wrong \"address\"",
                age: age
            )
        }
        try await cluster.database.withTransaction { transaction in
            try NetworkEventStatements.write(events, on: node, in: transaction)
        }
    }

    @Test func `a DHCP event is written once a minute, however often, and events prints it`() async throws {
        try await withCluster { cluster in
            let network = try await cluster.addNetwork("blue")
            for _ in 0..<3 { try await writeEvents([.refusal, .unknownClient], of: network, in: cluster) }
            // A minute may have ended in between.
            #expect(try await (2...4).contains(cluster.count("SELECT COUNT(*) FROM network_events")))
            try await writeEvents([.refusal], of: network, age: .seconds(120), in: cluster)
            try await writeEvents([.decline], of: network, age: .seconds(7200), in: cluster)
            let run = try await cluster.clusterctl("events", "-o", "json")
            #expect(try Golden("events").differences(from: run.output, open: [".items[]"]) == [])
            let events = try JSONDecoder().decode(ListView<EventView>.self, from: Data(run.output.utf8)).items
            #expect(events.allSatisfy { $0.uuid == nil && $0.tasks == [] && $0.event.event == .dhcp })
            let kinds = events.compactMap { $0.event.details["kind"] }
            #expect(Set(kinds) == [.string("nak"), .string("unknown_mac")] && kinds.count >= 3)
            let first = try #require(events.first)
            #expect(first.event.details["kind"] == .string("nak"), "the oldest is the first")
            #expect(first.event.details["network"] == .string("blue"))
            #expect(first.event.details["mac"] == .string("\(macs[0])"))
            #expect(first.event.details["address"] == .string("\(addresses[0])"))
            #expect(first.event.details["detail"] == .string("wrong \"address\""))
            let text = try await cluster.clusterctl("events", "--since", "3h")
            #expect(text.output.contains("kind=decline") && text.output.contains("network=blue"))
        }
    }
}

import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterReports
import ClusterStore
import DatabaseTime
import Foundation
import MariaDB
import Testing

@testable import NetNode

extension NamespaceTests {
    /// What an operator sees of DHCP, by real netnodes.
    @Suite(.serialized) struct DHCPMonitorTests {
        private func leases(_ nodes: NetNodes) async throws -> [GuestLease] {
            try await nodes.inventory.leases(of: try NetworkName("blue"))
        }

        private func problems(_ nodes: NetNodes, _ what: String) async throws -> [String] {
            try await nodes.inventory.network(try NetworkName("blue")).problems.filter { $0.what == what }
                .map(\.message)
        }

        private func events(_ nodes: NetNodes) async throws -> [NetworkEvent] {
            try await nodes.world.cluster.database.withSession { session in
                let now = try OperationStatements.now(on: session)
                let since = Timestamp(microseconds: now.microseconds - 3_600_000_000)
                return try NetworkEventStatements.events(since: since, on: session)
            }
        }

        /// Lets guests send in others' names: with port security that does not get beyond their ports.
        private func allowForgery(_ world: MeshWorld) async throws {
            try await world.cluster.execute("UPDATE networks SET port_security = FALSE")
        }

        @Test func `a forged decline costs a guest seconds, and is a problem and an event`() async throws {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await allowForgery(world)
                for number in [11, 12] { try await world.want(number, in: blue, on: 0) }
                let program = try await nodes.start(0)
                _ = try await nodes.elected()
                let (victim, other) = (
                    try await world.start(11, in: blue, on: 0), try await world.start(12, in: blue, on: 0)
                )
                #expect(try await world.underlay.lease(of: victim) != nil)
                let server = try #require(nodes.servers(0).first)
                try LeaseClient(other).decline(victim.address, for: victim.mac)
                try await eventually("the victim is served again") {
                    try await world.underlay.lease(of: victim, tries: 1) != nil
                }
                try await eventually("it is a problem") {
                    try await problems(nodes, "declines").contains { $0.contains("\(victim.address) by \(victim.mac)") }
                }
                try await eventually("it is an event") {
                    try await events(nodes).contains {
                        $0.kind == .decline && $0.mac == victim.mac && $0.address == victim.address
                            && $0.network.description == "blue" && $0.node.description == "h1"
                    }
                }
                #expect(program.log.contains("\"event\":\"decline\""))
                #expect(nodes.servers(0) == [server], "no server was ended for it")
            }
        }

        @Test func `leases are listed by guest, outlive their leader, and end when they are given back`() async throws {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await allowForgery(world)
                for number in [11, 12] { try await world.want(number, in: blue, on: 0) }
                for index in 0..<2 { try await nodes.start(index) }
                _ = try await nodes.elected()
                try await nodes.meshed(blue)
                #expect(try await leases(nodes) == [])
                let guests = [try await world.start(11, in: blue, on: 0), try await world.start(12, in: blue, on: 0)]
                for guest in guests { #expect(try await world.underlay.lease(of: guest) != nil) }
                try await eventually("both are listed") { try await leases(nodes).count == 2 }
                let before = try await leases(nodes)
                #expect(before.map(\.address) == guests.map(\.address) && before.map(\.mac) == guests.map(\.mac))
                // On a machine that stood still for a second, another node can have been elected meanwhile.
                let serving = try #require(before.first?.server.description)
                let first = try #require(world.hosts.firstIndex { "h\($0.number)" == serving })
                let term = try await nodes.term()
                for lease in before {
                    #expect(lease.hostname?.description.hasPrefix("guest-1") == true && lease.interface != nil)
                    #expect(lease.node?.description == "h1" && lease.server.description == serving)
                    let length = lease.until.microseconds - lease.since.microseconds
                    #expect(length > 3_500_000_000 && length <= 3_600_000_000)
                }
                try nodes.program(first).signal(SIGKILL)
                _ = try await nodes.program(first).end()
                let second = try await nodes.elected(above: term)
                #expect(try await leases(nodes).map(\.since) == before.map(\.since), "guests hold them on")
                try await eventually("its server renews") {
                    try await LeaseClient.renew(guests[0].mac, of: guests[0])
                }
                try await eventually("the next leader has seen it renewed") {
                    try await leases(nodes).first?.server.description == "h\(second + 1)"
                }
                let after = try await leases(nodes)
                #expect(after.map(\.since) == before.map(\.since) && after[0].until > before[0].until)
                try LeaseClient(guests[1]).release(guests[0].address, for: guests[0].mac)
                try await eventually("one was given back") {
                    try await leases(nodes).map(\.address) == [guests[1].address]
                }
            }
        }

        @Test func `unknown clients are events, once for each, and a flood of them is bounded`() async throws {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await allowForgery(world)
                try await world.want(11, in: blue, on: 0)
                let program = try await nodes.start(0)
                _ = try await nodes.elected()
                let client = try LeaseClient(try await world.start(11, in: blue, on: 0))
                let stranger = try MACAddress("02:00:00:00:0f:01")
                for _ in 0..<50 { try client.discover(stranger) }
                try await eventually("it is an event") {
                    try await events(nodes).contains { $0.kind == .unknownClient && $0.mac == stranger }
                }
                for number in 0..<2000 {
                    let octets: [UInt8] = [6, 0, 0, 0, UInt8(number / 256), UInt8(number % 256)]
                    if let mac = MACAddress(octets) { try client.discover(mac) }
                }
                try await eventually("the bound is reached") {
                    try await events(nodes).count >= DHCPEventLimiter.mostNotable
                }
                let found = try await events(nodes)
                #expect(found.count <= 2 * DHCPEventLimiter.mostNotable, "a minute may have ended in between")
                #expect(found.count { $0.mac == stranger } <= 2)
                #expect(program.log.split(separator: "\n").count { $0.contains("unknown_mac") } == found.count)
            }
        }

        @Test func `an MTU that the underlay does not carry is a problem of each node`() async throws {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100, mtu: 9000)
                try await world.want(11, in: blue, on: 0)
                let environment = ["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "500ms"]
                for index in 0..<2 { try await nodes.start(index, environment: environment) }
                try await eventually("both nodes say so") {
                    let found = try await problems(nodes, "mtu")
                    return found.count == 2 && found.allSatisfy { $0.contains("9000") && $0.contains("9050") }
                }
                _ = try await nodes.inventory.changeNetwork(
                    try NetworkName("blue"),
                    NetworkChange(mtu: try MTU(1400))
                )
                try await eventually("it is over") { try await problems(nodes, "mtu").isEmpty }
            }
        }
    }
}

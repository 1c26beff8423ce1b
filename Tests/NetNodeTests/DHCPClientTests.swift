import ClusterModel
import ClusterOpsTestKit
import Foundation
import Testing

extension NamespaceTests {
    /// Real DHCP clients behind ports of a network with port security.
    @Suite(.serialized, .tags(.long)) struct DHCPClientTests {
        /// A network whose first host serves it; the guest is on the second one, and on the first one its clone.
        private struct World: Sendable {
            let program: DHCPProgram
            let nodes: NetNodes
            let guest: NamespaceHosts.Guest
            let clone: NamespaceHosts.Guest
            let guestWire: WireTrace
            let cloneWire: WireTrace
            /// Of the two hosts, inside: where only arrives what port security has let through.
            let gateways: [WireTrace]

            static let server = "10.9.0.1"

            func inGuest(_ line: String, _ guest: NamespaceHosts.Guest) async throws -> String {
                try await nodes.world.underlay.run(line, in: guest.namespace)
            }

            /// Waits until a client has been given an address once more, has taken it, and reaches the gateway.
            func bound(_ guest: NamespaceHosts.Guest, _ wire: WireTrace, after count: Int = 0) async throws {
                try await eventually("\(guest.address) is acknowledged") {
                    wire.messages(.acknowledgement, of: guest.mac).count { $0.given == guest.address } > count
                }
                try await eventually("\(guest.address) is taken") {
                    try await inGuest("ip -o -4 addr show dev eth0", guest).contains(" \(guest.address)/")
                }
                try await heard(guest)
            }

            func heard(_ guest: NamespaceHosts.Guest) async throws {
                try await eventually("its gateway is heard") {
                    try await nodes.world.underlay.ping(from: guest, to: try IPv4Address(Self.server)) == 1
                }
            }

            /// Has a client renew its lease by unicast with the server of a host, and waits until that is acknowledged.
            func renewed(
                _ client: DHCPClient,
                _ guest: NamespaceHosts.Guest,
                _ wire: WireTrace,
                with host: Int
            ) async throws {
                func requests() throws -> Int {
                    let server = try IPv4Address(Self.server)
                    return gateways[host].messages(.request, of: guest.mac)
                        .count { $0.client == guest.address && $0.target == server }
                }
                let (asked, answered) = (try requests(), wire.messages(.acknowledgement, of: guest.mac).count)
                client.renew()
                try await eventually("it asks by unicast") { try requests() > asked }
                try await eventually("it has renewed") {
                    wire.messages(.acknowledgement, of: guest.mac).count > answered
                }
            }
        }

        private func withWorld(_ program: DHCPProgram, _ body: @Sendable (World) async throws -> Void) async throws {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                for (number, index) in [(11, 1), (12, 0)] { try await world.want(number, in: blue, on: index) }
                try await nodes.start(0)
                #expect(try await nodes.elected() == 0)
                try await nodes.start(1)
                try await nodes.meshed(blue)
                let guests = [
                    try await world.start(11, in: blue, on: 1), try await world.start(12, in: blue, on: 0),
                ]
                for (guest, index) in zip(guests, [1, 0]) {
                    try await nodes.letIn(guest, on: index)
                    try await world.underlay.run("ip addr flush dev eth0", in: guest.namespace)
                }
                defer {
                    for guest in guests { try? FileManager.default.removeItem(atPath: DHCPClient.directory(of: guest)) }
                }
                var gateways: [WireTrace] = []
                for host in world.hosts {
                    try await eventually("\(host.namespace) has the network's namespace") {
                        guard let wire = try? WireTrace("gw0", in: "\(host.namespacePrefix)\(blue.vni)") else {
                            return false
                        }
                        gateways.append(wire)
                        return true
                    }
                }
                let (guest, clone) = (guests[0], guests[1])
                try await body(
                    World(
                        program: program,
                        nodes: nodes,
                        guest: guest,
                        clone: clone,
                        guestWire: try WireTrace("eth0", in: guest.namespace),
                        cloneWire: try WireTrace("eth0", in: clone.namespace),
                        gateways: gateways
                    )
                )
            }
        }

        @Test(arguments: DHCPProgram.allCases)
        func `a real client gets, keeps, renews and releases its address behind its port, whoever serves`(
            _ program: DHCPProgram
        ) async throws {
            if let reason = program.unavailability { try Test.cancel("\(reason)") }
            try await withWorld(program) { world in
                let (guest, wire, nodes) = (world.guest, world.guestWire, world.nodes)
                let first = try await DHCPClient(program, in: guest, for: guest.address)
                try await world.bound(guest, wire)
                #expect(wire.messages(.request, of: guest.mac).allSatisfy { $0.hasIdentifier })
                if program.probesAddress { #expect(world.gateways[0].hasProbe(of: guest.address)) }
                if program.announcesAddress { #expect(world.gateways[0].hasAnnouncement(of: guest.address)) }
                try await world.renewed(first, guest, wire, with: 0)

                let clone = try await cloned(world, beside: first)
                try nodes.program(0).signal(SIGKILL)
                _ = try await nodes.program(0).end()
                #expect(try await nodes.elected(above: 1) == 1)
                for (client, guest, wire) in [(first, guest, wire), (clone, world.clone, world.cloneWire)] {
                    try await world.heard(guest)
                    try await world.renewed(client, guest, wire, with: 1)
                }
                await clone.end()

                // The guest starts again, with the lease that it remembers.
                await first.end()
                _ = try await world.inGuest("ip addr flush dev eth0", guest)
                let count = wire.messages(.acknowledgement, of: guest.mac).count
                let second = try await DHCPClient(program, in: guest, for: guest.address)
                try await world.bound(guest, wire, after: count)
                second.release()
                try await eventually("its release arrives") {
                    world.gateways[1].messages(.release, of: guest.mac).contains { $0.client == guest.address }
                }
                if program.namesServerInRelease {
                    let leases = "\(nodes.stateDirectory(1))/100/leases"
                    try await eventually("its lease has ended") {
                        try !String(contentsOfFile: leases, encoding: .utf8).contains(" \(guest.address) ")
                    }
                }
                await second.end()
                #expect(wire.messages(.refusal, of: guest.mac).isEmpty, "\(first.talk)\n\(second.talk)")
            }
        }

        /// Starts a clone of the guest with all that the guest's client remembers: first with the guest's hardware
        /// address too, with which nothing of it arrives, then with its own one, with which it gets its own address, by
        /// answers to all where it asks for these.
        private func cloned(_ world: World, beside client: DHCPClient) async throws -> DHCPClient {
            let (guest, clone, wire) = (world.guest, world.clone, world.cloneWire)
            try FileManager.default.copyItem(
                atPath: DHCPClient.directory(of: guest),
                toPath: DHCPClient.directory(of: clone)
            )
            _ = try await world.inGuest("ip link set dev eth0 address \(guest.mac)", clone)
            let impostor = try await DHCPClient(world.program, in: clone, for: guest.address)
            // The guest's own broadcasts are seen there too.
            func own() -> [DHCPSighting] {
                let seen = wire.messages
                let others = Set(world.guestWire.messages.map(\.transaction))
                return seen.filter { $0.mac == guest.mac && !others.contains($0.transaction) }
            }
            try await eventually("the clone asks, and asks again") { own().count >= 2 }
            try await world.renewed(client, guest, world.guestWire, with: 0)
            #expect(own().allSatisfy { $0.kind == .discover || $0.kind == .request }, "\(impostor.talk)")
            let forged = Set(own().map(\.transaction))
            for gateway in world.gateways {
                #expect(!gateway.messages.contains { forged.contains($0.transaction) })
            }
            await impostor.end()

            _ = try await world.inGuest("ip link set dev eth0 address \(clone.mac)", clone)
            let honest = try await DHCPClient(world.program, in: clone, for: guest.address, asksForBroadcast: true)
            try await world.bound(clone, wire)
            #expect(wire.messages(.acknowledgement, of: clone.mac).allSatisfy { $0.given == clone.address })
            if world.program.asksForBroadcast {
                #expect(wire.messages(.discover, of: clone.mac).contains { $0.asksForBroadcast })
            }
            return honest
        }
    }
}

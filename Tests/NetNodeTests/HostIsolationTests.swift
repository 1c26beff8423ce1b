import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import NetNode
import Testing

extension NamespaceTests {
    /// What a guest may try against the node that it runs on, and against its peers; by real frames, on nodes with the
    /// kernel's own settings: IPv6, no reverse path filter; and with routing.
    @Suite(.serialized) struct HostIsolationTests {
        /// What keeps guests out, each by itself enough.
        enum Defence: String, CaseIterable {
            case both, rules, settings, none
        }

        /// What became of the attacks.
        private struct Outcome: Equatable, CustomStringConvertible {
            /// By host: whether an IPv6 address or a default route was taken from a guest.
            var advertised: [Bool]
            /// By host: whether a guest was told who has the host's underlay address.
            var answered: [Bool]
            /// By host: whether a datagram reached a socket of the host.
            var delivered: [Bool]
            /// By host: whether a VXLAN datagram to it reached the other network's guest there.
            var injected: [Bool]
            /// A Boolean value that indicates whether the first host has routed a datagram to the second one's
            /// underlay address.
            var routed: Bool

            static func all(_ value: Bool) -> Outcome {
                let each = [value, value]
                return Outcome(
                    advertised: each,
                    answered: each,
                    delivered: each,
                    injected: each,
                    routed: value
                )
            }

            var description: String {
                "advertised \(advertised), answered \(answered), delivered \(delivered), injected \(injected), "
                    + "routed \(routed)"
            }
        }

        private struct World: Sendable {
            let mesh: MeshWorld
            let blue: [NamespaceHosts.Guest]
            let red: [NamespaceHosts.Guest]
            let redVNI: VNI

            var hosts: [NamespaceHosts.Host] { mesh.hosts }

            func onHost(_ index: Int, _ line: String) async throws -> String {
                try await mesh.underlay.run(line, in: hosts[index].namespace)
            }

            func bridgeMAC(_ index: Int) async throws -> MACAddress {
                let words = try await onHost(index, "ip -o link show dev cobr100").split(separator: " ")
                let ether = try #require(words.firstIndex(of: "link/ether"))
                return try MACAddress(String(words[ether + 1]))
            }
        }

        private static let port: UInt16 = 9471
        private static let vxlan: UInt16 = 4789

        /// Two hosts that route, with two networks, and a guest of each on each.
        private func withWorld(_ body: @Sendable (World) async throws -> Void) async throws {
            try await withMesh(hosts: 2) { mesh in
                for (index, host) in mesh.hosts.enumerated() {
                    try await mesh.underlay.run("sysctl -q -w net.ipv4.ip_forward=1", in: host.namespace)
                    let access = UnderlayAccess(
                        interface: nil,
                        nodes: [mesh.hosts[1 - index].address],
                        local: [host.address]
                    )
                    try await Gate(namespace: host.namespacePath, access: access, logger: .silent).close()
                }
                let networks = [
                    try await mesh.addNetwork("blue", vni: 100), try await mesh.addNetwork("red", vni: 200),
                ]
                for network in networks {
                    for index in 0..<2 { try await mesh.want(11 + index, in: network, on: index) }
                }
                #expect(try await mesh.passEverywhere().allSatisfy(\.hasConverged))
                var guests: [[NamespaceHosts.Guest]] = [[], []]
                for (number, network) in networks.enumerated() {
                    for index in 0..<2 {
                        guests[number].append(try await mesh.start(11 + index, in: network, on: index))
                    }
                }
                try await body(World(mesh: mesh, blue: guests[0], red: guests[1], redVNI: networks[1].vni))
            }
        }

        private func leave(_ defence: Defence, _ world: World) async throws {
            for index in 0..<2 {
                if defence == .settings || defence == .none {
                    _ = try await world.onHost(index, "nft flush ruleset")
                }
                guard defence == .rules || defence == .none else { continue }
                let settings = """
                    net.ipv4.conf.cobr100.rp_filter=0 net.ipv4.conf.cobr100.arp_ignore=0 \
                    net.ipv4.conf.cobr100.forwarding=1 net.ipv6.conf.cobr100.disable_ipv6=0
                    """
                _ = try await world.onHost(index, "sysctl -q -w \(settings)")
            }
        }

        /// Sends each attack from the first blue guest to both hosts, and sees what came of it.
        private func attack(_ world: World) async throws -> Outcome {
            let attacker = world.blue[0]
            let wire = try RawPort("eth0", in: attacker.namespace)
            let victims = try world.red.map { try RawPort("eth0", in: $0.namespace) }
            let services = try world.hosts.map { try UDPPort(Self.port, in: $0.namespace) }
            let far = try RawPort("under0", in: world.hosts[1].namespace)
            let source = (mac: attacker.mac, address: attacker.address)

            try wire.send(GuestFrame.routerAdvertisement(from: attacker.mac))
            for (index, host) in world.hosts.enumerated() {
                let bridge = try await world.bridgeMAC(index)
                // Also as one asks that has no address yet: the kernel answers that without looking for a route.
                for own in [attacker.address, IPv4Address(rawValue: 0)] {
                    try wire.send(GuestFrame.whoHas(host.address, from: attacker.mac, at: own))
                }
                let service = (mac: bridge, address: host.address, port: Self.port)
                try wire.send(GuestFrame.datagram(from: source, to: service, Array("to the host".utf8)))
                let tunnel = (mac: bridge, address: host.address, port: Self.vxlan)
                let inner = try forged(for: world.red[index], "injected")
                try wire.send(GuestFrame.datagram(from: source, to: tunnel, GuestFrame.vxlan(world.redVNI, inner)))
            }
            let away = (mac: try await world.bridgeMAC(0), address: world.hosts[1].address, port: UInt16(9))
            try wire.send(GuestFrame.datagram(from: source, to: away, Array("to be routed".utf8)))

            // By its way over the underlay the same frame arrives: what comes after all this ends the waiting.
            var seen = try await control(world, victims)
            let outside = far.frames()
            let answers = wire.frames()
            for index in victims.indices { seen[index] += victims[index].frames() }
            return Outcome(
                advertised: try await advertised(world),
                answered: world.hosts.map { host in answers.contains { GuestFrame.isReply($0, of: host.address) } },
                delivered: services.map { $0.datagrams().contains(Array("to the host".utf8)) },
                injected: seen.map { contains("injected", in: $0) },
                routed: contains("to be routed", in: outside)
            )
        }

        private func forged(for victim: NamespaceHosts.Guest, _ text: String) throws -> [UInt8] {
            let source = (mac: try MACAddress("02:00:00:00:99:99"), address: victim.address)
            let target = (mac: victim.mac, address: victim.address, port: UInt16(7777))
            return GuestFrame.datagram(from: source, to: target, Array(text.utf8))
        }

        /// Brings a frame to each victim as a node may, and waits until it is there.
        private func control(_ world: World, _ victims: [RawPort]) async throws -> [[[UInt8]]] {
            var seen: [[[UInt8]]] = victims.map { _ in [] }
            for index in victims.indices {
                let node = try UDPPort(0, in: world.hosts[1 - index].namespace)
                let packet = GuestFrame.vxlan(world.redVNI, try forged(for: world.red[index], "control"))
                try node.send(packet, to: world.hosts[index].address.rawValue, port: Self.vxlan)
                try await eventually("what a node sends arrives at h\(index + 1)", within: .seconds(5)) {
                    seen[index] += victims[index].frames()
                    return contains("control", in: seen[index])
                }
            }
            return seen
        }

        private func advertised(_ world: World) async throws -> [Bool] {
            var results: [Bool] = []
            for index in 0..<2 {
                let addresses = try await world.onHost(index, "ip -6 addr show")
                let routes = try await world.onHost(index, "ip -6 route show")
                results.append(addresses.contains("2001:db8:66:") || routes.contains("default"))
            }
            return results
        }

        private func contains(_ text: String, in frames: [[UInt8]]) -> Bool {
            frames.contains { $0.firstRange(of: Array(text.utf8)) != nil }
        }

        @Test(arguments: Defence.allCases)
        func `a guest reaches no node and no other network, by the rules alone and by the settings alone`(
            defence: Defence
        ) async throws {
            try await withWorld { world in
                try await leave(defence, world)
                let outcome = try await attack(world)
                // Without either every attack succeeds: what is looked for can be seen.
                #expect(outcome == .all(defence == .none), "\(defence): \(outcome)")
                for guests in [world.blue, world.red] {
                    #expect(try await world.mesh.underlay.ping(from: guests[0], to: guests[1].address) == 1)
                }
            }
        }

        @Test(arguments: [Defence.both, .rules, .settings])
        func `the same beside the rules of Docker, with br_netfilter: FORWARD drops but for the networks' bridges`(
            defence: Defence
        ) async throws {
            try await withWorld { world in
                try await leave(defence, world)
                for index in 0..<2 {
                    let rules = """
                        table ip filter {
                          chain FORWARD {
                            type filter hook forward priority 0; policy drop;
                            iifname "cobr*" oifname "cobr*" accept
                          }
                        }

                        """
                    try await world.mesh.underlay.run("nft -f -", input: rules, in: world.hosts[index].namespace)
                }
                let outcome = try await attack(world)
                #expect(outcome == .all(false), "\(defence): \(outcome)")
                #expect(try await world.mesh.underlay.ping(from: world.blue[0], to: world.blue[1].address) == 1)
                // Where br_netfilter is not loaded, these rules see no frame of a bridge, and this is the test above.
                let calls = "/proc/sys/net/bridge/bridge-nf-call-iptables"
                guard FileManager.default.fileExists(atPath: calls) else { return }
                let setting = try await world.onHost(0, "cat \(calls)")
                #expect(setting.trimmingCharacters(in: .whitespacesAndNewlines) == "1")
            }
        }

        @Test func `a tunnel or a veth that lost its bridge lets nothing into the node either`() async throws {
            try await withWorld { world in
                _ = try await world.onHost(0, "nft flush ruleset")
                _ = try await world.onHost(0, "ip link del dev cobr100")
                // From the other node's guest it comes out of the tunnel, and no bridge takes it.
                let wire = try RawPort("eth0", in: world.blue[1].namespace)
                let tunnel = try RawPort("covx100", in: world.hosts[0].namespace)
                let advertisement = GuestFrame.routerAdvertisement(from: world.blue[1].mac)
                try wire.send(advertisement)
                try wire.send(
                    GuestFrame.whoHas(world.hosts[0].address, from: world.blue[1].mac, at: world.blue[1].address)
                )
                var seen: [[UInt8]] = []
                try await eventually("the tunnel has brought both", within: .seconds(5)) {
                    seen += tunnel.frames()
                    return seen.contains(advertisement) && seen.contains { $0.count >= 42 && $0[13] == 6 }
                }
                let answers = wire.frames()
                #expect(!answers.contains { GuestFrame.isReply($0, of: world.hosts[0].address) })
                #expect(try await advertised(world) == [false, false])
            }
        }
    }
}

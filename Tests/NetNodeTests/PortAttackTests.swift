import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import NetNode

extension NamespaceTests {
    /// What a guest may not send, by real frames.
    @Suite(.serialized) struct PortAttackTests {
        /// A frame, and what of it is looked for where it must not arrive.
        private struct Attack {
            let name: String
            let frame: [UInt8]
            let mark: [UInt8]
        }

        private typealias Forged = ForgedFrame

        private func attacks(_ world: PortWorld) throws -> [Attack] {
            let own = Forged.Station(world.attacker.mac, world.attacker.address)
            let victim = Forged.Station(world.victim.mac, world.victim.address)
            let server = try world.server
            let (none, all) = (try IPv4Address("0.0.0.0"), try IPv4Address("255.255.255.255"))
            var attacks: [Attack] = []
            func add(
                _ name: String,
                from source: MACAddress = own.mac,
                to target: [UInt8] = Forged.everybody,
                _ type: [UInt8],
                _ payload: [UInt8]
            ) {
                attacks.append(
                    Attack(
                        name: name,
                        frame: Forged.ethernet(from: source, to: target, type, payload),
                        mark: payload
                    )
                )
            }
            /// Each of another payload: they are told apart by whom they ask for.
            func arp(_ name: String, _ operation: UInt8, _ sender: Forged.Station, _ hardware: UInt8 = 1) throws {
                let target = try IPv4Address("10.9.0.\(100 + attacks.count)")
                add(name, Forged.arp, Forged.arp(operation, of: sender, about: target, hardware: hardware))
            }
            func dhcp(
                _ name: String,
                from source: (IPv4Address, UInt16) = (none, 68),
                to port: UInt16 = 67,
                _ message: [UInt8]
            ) {
                add(name, Forged.ipv4, Forged.datagram(from: source, to: (all, port), message))
            }
            func message(
                _ kind: UInt8,
                of client: MACAddress,
                operation: UInt8 = 1,
                relay: IPv4Address? = nil,
                length: UInt8 = 6
            ) -> [UInt8] {
                Forged.dhcp(
                    kind,
                    of: client,
                    operation: operation,
                    relay: relay,
                    length: length,
                    number: UInt32(attacks.count)
                )
            }

            try arp("ARP of the gateway's address", 2, .init(own.mac, server.address))
            try arp("ARP of another guest's address", 2, .init(own.mac, victim.address))
            try arp("ARP with another's hardware address", 2, .init(victim.mac, own.address))
            try arp("ARP answer of no address", 2, .init(own.mac, none))
            try arp("ARP of another kind of hardware", 2, .init(own.mac, server.address), 6)
            for (name, address) in [("another guest", victim.address), ("the gateway", server.address), ("none", none)]
            {
                let datagram = Forged.datagram(from: (address, 5000), to: (server.address, 6000), Array(name.utf8))
                add("IPv4 from the address of \(name)", to: server.mac.octets, Forged.ipv4, datagram)
            }
            dhcp("DHCPDISCOVER of another", message(1, of: victim.mac))
            dhcp("DHCPDECLINE of another", message(4, of: victim.mac))
            dhcp("DHCP from another port", from: (none, 1068), message(1, of: own.mac))
            dhcp("DHCP as a relay's", from: (own.address, 67), message(1, of: victim.mac, relay: own.address))
            dhcp("DHCP by a relay", message(1, of: own.mac, relay: own.address))
            dhcp("DHCP with a longer address", message(1, of: own.mac, length: 8))
            dhcp("DHCP of an operation that is a server's", message(2, of: own.mac, operation: 2))
            dhcp("DHCP that is cut short", Array(message(1, of: own.mac).prefix(20)))
            dhcp("a DHCP server", from: (own.address, 67), to: 68, message(2, of: victim.mac, operation: 2))
            dhcp("a DHCP server's port", from: (own.address, 6767), to: 68, message(2, of: victim.mac, operation: 2))
            let hidden = Forged.udp(from: 68, to: 67, message(4, of: victim.mac))
            add(
                "DHCP whose client is in a later fragment",
                Forged.ipv4,
                Forged.packet(from: own.address, to: all, Array(hidden.prefix(24)), fragment: 0x2000)
            )
            add(
                "DHCP behind options of IPv4",
                Forged.ipv4,
                Forged.packet(from: none, to: all, hidden, options: [1, 1, 1, 1, 1, 1, 1, 1])
            )
            let advertisement = GuestFrame.routerAdvertisement(from: own.mac)
            add(
                "a router advertisement",
                to: Array(advertisement.prefix(6)),
                Forged.ipv6,
                Array(advertisement.dropFirst(14))
            )
            add("reverse ARP", [0x80, 0x35], Forged.arp(3, of: own, about: try IPv4Address("10.9.0.98")))
            let tunnelled = Forged.datagram(from: (victim.address, 1), to: (server.address, 2), Array("LLC".utf8))
            add("IPv4 within LLC", [0, 64], [0xaa, 0xaa, 3, 0, 0, 0, 8, 0] + tunnelled)
            add("PPPoE", [0x88, 0x63], [0x11, 9, 0, 0, 0, 0] + [UInt8](repeating: 0x55, count: 40))
            for (name, vlan, type) in [
                ("in VLAN 5", UInt16(5), [UInt8](arrayLiteral: 0x81, 0)), ("with a priority", 0, [0x81, 0]),
                ("in an outer VLAN", 7, [0x88, 0xa8]),
            ] {
                let number = try IPv4Address("10.9.0.\(200 + attacks.count)")
                let honest = Forged.ethernet(from: own.mac, Forged.arp, Forged.arp(1, of: own, about: number))
                attacks.append(
                    Attack(
                        name: "ARP \(name)",
                        frame: Forged.tagged(honest, vlan: vlan, type: type),
                        mark: Array(honest.dropFirst(14))
                    )
                )
            }
            // Last: where it succeeds, nothing reaches the gateway any more.
            add(
                "the gateway's hardware address",
                from: server.mac,
                Forged.arp,
                Forged.arp(1, of: own, about: try IPv4Address("10.9.0.99"))
            )
            return attacks
        }

        @Test(arguments: [true, false])
        func `a guest sends as itself or not at all, where its network has port security`(isSecured: Bool) async throws
        {
            try await withPorts(isSecured: isSecured) { world in
                let wire = try RawPort("eth0", in: world.attacker.namespace)
                let observers = try world.observers()
                let attacks = try attacks(world)
                #expect(Set(attacks.map(\.mark)).count == attacks.count)
                for attack in attacks { try wire.send(attack.frame) }
                let seen = try await world.settle(wire, observers)
                let arrived = attacks.filter { attack in
                    seen.contains { $0.contains { $0.suffix(attack.mark.count) == attack.mark[...] } }
                }
                // Without port security every one arrives: what is looked for can be seen.
                #expect(arrived.map(\.name) == (isSecured ? [] : attacks.map(\.name)))
            }
        }

        @Test(arguments: [true, false])
        func `a guest sends from its hardware address only, by the rules alone and by its port's settings alone`(
            byRules: Bool
        ) async throws {
            try await withPorts { world in
                let table = "bridge \(BridgeTableName.ports.rawValue)"
                let settings = "bridge link set dev \(world.attacker.port) locked off"
                try await world.onHost(byRules ? settings : "nft delete table \(table)")
                let wire = try RawPort("eth0", in: world.attacker.namespace)
                let own = Forged.Station(world.attacker.mac, world.attacker.address)
                let request = Forged.arp(1, of: own, about: try IPv4Address("10.9.0.99"))
                let frame = Forged.ethernet(from: try MACAddress("0a:00:00:00:00:01"), Forged.arp, request)
                let observers = try world.observers()
                try wire.send(frame)
                #expect(try await world.settle(wire, observers).allSatisfy { !$0.contains(frame) })
            }
        }

        @Test func `what an honest guest sends passes, from the addresses that it was allowed too`() async throws {
            try await withPorts { world in
                let (own, server) = (world.attacker, try world.server)
                let id = try #require(try await world.mesh.interface(11, in: world.blue))
                try await world.mesh.cluster.execute(
                    """
                    INSERT INTO allowed_addresses (interface, place, cidr)
                    VALUES (\(id), 1, '10.30.0.0/16')
                    """
                )
                try await world.bring()
                let (none, all) = (try IPv4Address("0.0.0.0"), try IPv4Address("255.255.255.255"))
                let routed = Forged.Station(own.mac, try IPv4Address("10.30.7.7"))
                let station = Forged.Station(own.mac, own.address)
                func unicast(_ payload: [UInt8]) -> [UInt8] {
                    Forged.ethernet(from: own.mac, to: server.mac.octets, Forged.ipv4, payload)
                }
                func broadcast(_ type: [UInt8], _ payload: [UInt8]) -> [UInt8] {
                    Forged.ethernet(from: own.mac, type, payload)
                }
                let honest: [(String, [UInt8])] = [
                    ("ARP request", broadcast(Forged.arp, Forged.arp(1, of: station, about: server.address))),
                    ("ARP probe", broadcast(Forged.arp, Forged.arp(1, of: .init(own.mac, none), about: own.address))),
                    ("gratuitous ARP", broadcast(Forged.arp, Forged.arp(2, of: station, about: own.address))),
                    ("ARP of an allowed one", broadcast(Forged.arp, Forged.arp(2, of: routed, about: server.address))),
                    (
                        "DHCPDISCOVER",
                        broadcast(
                            Forged.ipv4,
                            Forged.datagram(from: (none, 68), to: (all, 67), Forged.dhcp(1, of: own.mac))
                        )
                    ),
                    (
                        "DHCP renewal",
                        unicast(
                            Forged.datagram(
                                from: (own.address, 68),
                                to: (server.address, 67),
                                Forged.dhcp(3, of: own.mac, number: 7)
                            )
                        )
                    ),
                    ("UDP", unicast(Forged.datagram(from: (own.address, 1), to: (server.address, 2), Array("a".utf8)))),
                    (
                        "UDP of an allowed one",
                        unicast(Forged.datagram(from: (routed.address, 1), to: (server.address, 2), Array("b".utf8)))
                    ),
                    (
                        "a later fragment",
                        unicast(
                            Forged.packet(
                                from: own.address,
                                to: server.address,
                                [UInt8](repeating: 9, count: 64),
                                fragment: 100
                            )
                        )
                    ),
                ]
                let wire = try RawPort("eth0", in: own.namespace)
                let gateway = try RawPort("gw0", in: world.inside)
                for (_, frame) in honest { try wire.send(frame) }
                let seen = try await world.settle(wire, [gateway])[0]
                #expect(honest.filter { !seen.contains($0.1) }.map(\.0) == [])
                // The gateway's own address lies in no range of a guest's.
                try await world.mesh.cluster.execute(
                    "UPDATE allowed_addresses SET cidr = '10.9.0.0/24' WHERE interface = \(id)"
                )
                try await world.bring()
                let stolen = Forged.arp(2, of: .init(own.mac, server.address), about: world.victim.address)
                let taken = Forged.arp(2, of: .init(own.mac, world.victim.address), about: world.victim.address)
                for payload in [stolen, taken] { try wire.send(broadcast(Forged.arp, payload)) }
                let later = try await world.settle(wire, [gateway])[0]
                #expect(later.contains(broadcast(Forged.arp, taken)) && !later.contains(broadcast(Forged.arp, stolen)))
            }
        }

        @Test func `who claims to be the gateway, or everybody, takes nothing from anybody and is remembered nowhere`()
            async throws
        {
            try await withPorts { world in
                let guests = [world.victim, world.far, world.attacker]
                let gateway = try world.server
                let wire = try RawPort("eth0", in: world.attacker.namespace)
                for guest in guests {
                    #expect(try await world.mesh.underlay.ping(from: guest, to: gateway.address, count: 3) == 3)
                }
                let station = Forged.Station(gateway.mac, gateway.address)
                for number in 0..<500 {
                    let random = try #require(MACAddress([0x0a, 0, 0, 0, UInt8(number >> 8), UInt8(number & 0xff)]))
                    let payload = Forged.arp(2, of: station, about: gateway.address)
                    try wire.send(Forged.ethernet(from: random, Forged.arp, payload))
                    if number % 10 == 0 { try wire.send(Forged.ethernet(from: gateway.mac, Forged.arp, payload)) }
                }
                _ = try await world.settle(wire, try world.observers())
                for guest in guests {
                    #expect(try await world.mesh.underlay.ping(from: guest, to: gateway.address, count: 3) == 3)
                }
                for host in world.mesh.hosts {
                    let rows = try await world.mesh.underlay.run("bridge fdb show", in: host.namespace)
                    #expect(!rows.contains("0a:00:00:00:"))
                }
                let ports = try await world.onHost("bridge fdb show dev \(world.attacker.port)")
                    .split(separator: "\n").filter { $0.contains("master") && !$0.contains("permanent") }
                #expect(ports.map { $0.prefix(17) } == ["\(world.attacker.mac)"])
            }
        }

        /// Sends so many requests by ARP, and half as many by DHCP, each its own.
        private func ask(
            _ count: Int,
            from first: Int,
            by wire: RawPort,
            of guest: NamespaceHosts.Guest,
            every: Duration?
        )
            async throws -> [[UInt8]]
        {
            let (none, all) = (try IPv4Address("0.0.0.0"), try IPv4Address("255.255.255.255"))
            var sent: [[UInt8]] = []
            for number in first..<(first + count) {
                let address = IPv4Address(rawValue: 0x0a09_0000 + UInt32(number))
                let payload = Forged.arp(1, of: .init(guest.mac, guest.address), about: address)
                var frames = [Forged.ethernet(from: guest.mac, Forged.arp, payload)]
                if number.isMultiple(of: 2) {
                    let message = Forged.dhcp(1, of: guest.mac, number: UInt32(number))
                    let datagram = Forged.datagram(from: (none, 68), to: (all, 67), message)
                    frames.append(Forged.ethernet(from: guest.mac, Forged.ipv4, datagram))
                }
                for frame in frames { try wire.send(frame) }
                sent += frames
                // The pace of the guest.
                if let every { try await Task.sleep(for: every) }
            }
            return sent
        }

        @Test func `twenty requests by ARP and ten by DHCP pass in a second, and a flood of either does not`()
            async throws
        {
            try await withPorts { world in
                let wire = try RawPort("eth0", in: world.attacker.namespace)
                let gateway = try RawPort("gw0", in: world.inside)
                let pace = Duration.milliseconds(50)
                let honest = try await ask(60, from: 1000, by: wire, of: world.attacker, every: pace)
                let seen = Set(try await world.settle(wire, [gateway])[0])
                #expect(honest.count { !seen.contains($0) } == 0)
                let begun = ContinuousClock.now
                let flood = try await ask(4000, from: 5000, by: wire, of: world.attacker, every: nil)
                let passed = Set(try await world.settle(wire, [gateway])[0])
                let seconds = (ContinuousClock.now - begun) / .seconds(1) + 1
                let kinds = flood.filter(passed.contains).map { $0[13] }
                let (arp, dhcp) = (kinds.count { $0 == 6 }, kinds.count { $0 == 0 })
                #expect(arp > 0 && Double(arp) <= 100 * seconds, "\(arp) in \(seconds) s")
                #expect(dhcp > 0 && Double(dhcp) <= 25 * seconds, "\(dhcp) in \(seconds) s")
            }
        }
    }
}

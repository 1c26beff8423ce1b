import ChildProcess
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import NetNode
import Testing

extension NamespaceTests {
    /// What becomes of leases when guests change; the server's process stays the same wherever it is not said
    /// otherwise.
    @Suite(.serialized) struct ServerLeaseTests {
        private func leases(_ world: ServerWorld) throws -> LeaseFile {
            let data = FileManager.default.contents(atPath: "\(world.directory)/100/leases") ?? Data()
            return try LeaseFile(String(decoding: data, as: UTF8.self))
        }

        @Test func `a guest that goes takes its lease along`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let (first, second) = (try await world.guest(11), try await world.guest(12))
                let both = try world.wanted([world.host(11), world.host(12)])
                #expect(try await server.bring(to: both) == .started)
                let pid = await server.pid
                for guest in [first, second] { #expect(try await world.underlay.lease(of: guest, tries: 1) != nil) }
                try await eventually("both leases are written") { try leases(world).leases.count == 2 }
                let client = try LeaseClient(second)
                try client.request(try IPv4Address("10.9.0.13"), for: try world.mac(13))
                #expect(try leases(world).leases.count == 2, "nobody unknown gets a lease")
                #expect(try await server.bring(to: world.wanted([world.host(12)])) == .reloaded)
                #expect(try leases(world).leases.map(\.address) == [second.address])
                #expect(try await world.underlay.lease(of: first, tries: 1) == nil)
                #expect(try await server.bring(to: both) == .reloaded)
                #expect(try await world.underlay.lease(of: first, tries: 1)?["ip"] == "10.9.0.11")
                #expect(await server.pid == pid)
                await server.stop()
            }
        }

        @Test func `a guest with another name is known by that one at once, and not by the old one`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let (guest, other) = (try await world.guest(11), try await world.guest(12))
                #expect(try await server.bring(to: world.wanted([world.host(11, name: "old")])) == .started)
                let pid = await server.pid
                #expect(try await world.underlay.lease(of: guest)?["hostname"] == "old")
                for name in ["new", "2h", "newer"] {
                    #expect(try await server.bring(to: world.wanted([world.host(11, name: name)])) == .reloaded)
                    let forward = try await world.lookUp(name, from: other)
                    #expect(forward.contains("Address: 10.9.0.11"), "\(forward)")
                    let back = try await world.lookUp("10.9.0.11", from: other)
                    #expect(back.contains("name = \(name).guests.example") && !back.contains("old"), "\(back)")
                    #expect(try await world.lookUp("old", from: other).contains("NXDOMAIN"))
                    #expect(try await world.underlay.lease(of: guest, tries: 1)?["hostname"] == name)
                }
                #expect(await server.pid == pid)
                await server.stop()
            }
        }

        @Test func `a guest with another MAC has its address at once, and the old MAC has none`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let (old, new) = (try await world.guest(11), try await world.guest(12))
                #expect(try await server.bring(to: world.wanted([world.host(30, mac: 11)])) == .started)
                let pid = await server.pid
                #expect(try await world.underlay.lease(of: old)?["ip"] == "10.9.0.30")
                #expect(try await server.bring(to: world.wanted([world.host(30, mac: 12)])) == .reloaded)
                #expect(try await world.underlay.lease(of: new, tries: 1)?["ip"] == "10.9.0.30")
                #expect(try await world.underlay.lease(of: old, tries: 1) == nil)
                #expect(await server.pid == pid)
                await server.stop()
            }
        }

        @Test func `two guests that swap their addresses get them at once`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let (first, second) = (try await world.guest(11), try await world.guest(12))
                #expect(try await server.bring(to: world.wanted([world.host(11), world.host(12)])) == .started)
                let pid = await server.pid
                for guest in [first, second] { #expect(try await world.underlay.lease(of: guest) != nil) }
                let swapped = try world.wanted([
                    world.host(11, mac: 12, name: "a"), world.host(12, mac: 11, name: "b"),
                ])
                #expect(try await server.bring(to: swapped) == .reloaded)
                #expect(try await world.underlay.lease(of: first, tries: 1)?["ip"] == "10.9.0.12")
                #expect(try await world.underlay.lease(of: second, tries: 1)?["ip"] == "10.9.0.11")
                #expect(await server.pid == pid)
                await server.stop()
            }
        }

        @Test func `a lease that cannot be released is ended by a restart`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let (first, second) = (try await world.guest(11), try await world.guest(12))
                #expect(try await server.bring(to: world.wanted([world.host(11)])) == .started)
                let pid = await server.pid
                #expect(try await world.underlay.lease(of: first) != nil)
                // The kernel loses what is longer than the question of the probe.
                try await world.underlay.run(
                    "nft -f -",
                    input: """
                        table ip test {
                            chain out {
                                type filter hook output priority 0
                                udp sport != 67 udp dport 67 meta length > 275 counter drop
                            }
                        }

                        """,
                    in: world.namespace().namespace
                )
                #expect(try await server.bring(to: world.wanted([world.host(11, mac: 12)])) == .restarted)
                #expect(await server.pid != pid)
                let rules = try await world.underlay.run("nft list table ip test", in: world.namespace().namespace)
                #expect(!rules.contains("packets 0"), "\(rules)")
                #expect(try await world.underlay.lease(of: second, tries: 1)?["ip"] == "10.9.0.11")
                await server.stop()
            }
        }

        @Test func `many guests that go at once go by a restart`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let client = try LeaseClient(try await world.guest(11))
                let last = 20 + ServerPlan.Strays.mostReleased
                let hosts = try (20...last).map { number in
                    ServerWanted.Host(
                        mac: try MACAddress("02:00:00:00:01:\(number)"),
                        address: try IPv4Address("10.9.0.\(number)"),
                        hostname: try HostName("many-\(number)")
                    )
                }
                #expect(try await server.bring(to: world.wanted(hosts)) == .started)
                for host in hosts { try client.request(host.address, for: host.mac) }
                try await eventually("all have their lease") { try leases(world).leases.count == hosts.count }
                let pid = await server.pid
                #expect(try await server.bring(to: world.wanted(Array(hosts.dropLast()))) == .reloaded)
                #expect(try leases(world).leases.count == hosts.count - 1)
                #expect(await server.pid == pid)
                try client.request(hosts[0].address, for: hosts[0].mac)
                #expect(try await server.bring(to: world.wanted(hosts)) == .reloaded)
                try client.request(hosts[hosts.count - 1].address, for: hosts[hosts.count - 1].mac)
                try await eventually("the last one is back") { try leases(world).leases.count == hosts.count }
                #expect(try await server.bring(to: world.wanted([])) == .restarted)
                #expect(try leases(world).leases.isEmpty)
                await server.stop()
            }
        }
    }
}

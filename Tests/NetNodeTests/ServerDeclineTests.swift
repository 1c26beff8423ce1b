import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import Testing

@testable import NetNode

extension NamespaceTests {
    /// No message of a guest takes DHCP from another one, or the server from its network.
    @Suite(.serialized) struct ServerDeclineTests {
        /// The MAC that a server is asked by, which only root can read.
        private func probe(_ world: ServerWorld) throws -> MACAddress {
            let text = try String(contentsOfFile: "\(world.directory)/100/hosts", encoding: .utf8)
            let line = try #require(text.split(separator: "\n").first { $0.hasSuffix(",10.9.0.0") })
            return try MACAddress(String(line.prefix(17)))
        }

        @Test func `clones that share a client id are both acknowledged, in turns and after a restart`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let client = try LeaseClient(try await world.guest(10))
                #expect(
                    try await server.bring(to: world.wanted([world.host(11), world.host(12)])) == .started
                )
                let machine: [UInt8] = [255, 0x52, 0x54, 0, 1, 0, 2, 7, 7]
                for _ in 0..<3 {
                    for number in [11, 12] {
                        let answer = try await client.answer(
                            toRequestOf: try IPv4Address("10.9.0.\(number)"),
                            for: try world.mac(number),
                            clientID: machine
                        )
                        #expect(answer == .acknowledgement, "guest \(number)")
                    }
                }
                await server.stop()
            }
        }

        @Test func `a guest whose address was declined is served again once the server has forgotten that`()
            async throws
        {
            try await withServers { world in
                let server = try world.networkServer()
                let (victim, other) = (try await world.guest(11), try await world.guest(12))
                let wanted = try world.wanted([world.host(11), world.host(12)])
                #expect(try await server.bring(to: wanted) == .started)
                let pid = await server.pid
                #expect(try await world.underlay.lease(of: victim, tries: 1) != nil)
                try LeaseClient(other).decline(victim.address, for: victim.mac)
                #expect(try await world.underlay.lease(of: victim, tries: 2) == nil, "dnsmasq keeps silent")
                try await server.forgetDeclines()
                #expect(try await world.underlay.lease(of: victim, tries: 1)?["ip"] == "10.9.0.11")
                #expect(try await server.bring(to: wanted) == .nothing)
                #expect(await server.pid == pid)
                await server.stop()
            }
        }

        @Test func `a decline of the probe's address costs a reload and never the server`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let client = try LeaseClient(try await world.guest(12))
                for (dhcp, dns) in [(true, true), (true, false)] {
                    let wanted = try world.wanted([world.host(11)], dhcp: dhcp, dns: dns)
                    #expect(try await server.bring(to: wanted) != .nothing)
                    let pid = await server.pid
                    try client.decline(try IPv4Address("10.9.0.0"), for: try probe(world))
                    #expect(try await server.bring(to: wanted) == .reloaded)
                    #expect(try await server.bring(to: wanted) == .nothing)
                    #expect(await server.pid == pid)
                }
                await server.stop()
            }
        }

        @Test func `the probe's MAC is another one at each start, and leaves each guest its own`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                var seen: Set<MACAddress> = []
                for _ in 0..<3 {
                    #expect(try await server.bring(to: world.wanted([world.host(11)])) == .started)
                    seen.insert(try probe(world))
                    await server.stop()
                }
                #expect(seen.count == 3)
                #expect(try await server.bring(to: world.wanted([world.host(11)])) == .started)
                let taken = try probe(world)
                let guest = ServerWanted.Host(
                    mac: taken,
                    address: try IPv4Address("10.9.0.20"),
                    hostname: try HostName("same")
                )
                #expect(try await server.bring(to: world.wanted([world.host(11), guest])) == .reloaded)
                #expect(try probe(world) != taken)
                #expect(try await server.bring(to: world.wanted([world.host(11), guest])) == .nothing)
                await server.stop()
            }
        }
    }
}

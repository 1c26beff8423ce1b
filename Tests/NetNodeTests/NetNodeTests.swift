import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

extension NamespaceTests {
    /// The process `netnode`, as operators run it: real election, real dnsmasq, real clients, real kills.
    @Suite(.serialized, .tags(.long)) struct NetNodeTests {
        @Test func `one of two is elected, and guests of both get their addresses from it and reach each other`()
            async throws
        {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                for (number, index) in [(11, 0), (12, 1)] { try await world.want(number, in: blue, on: index) }
                for index in 0..<2 { try await nodes.start(index) }
                let leader = try await nodes.elected()
                try await nodes.meshed(blue)
                let guests = [
                    try await world.start(11, in: blue, on: 0), try await world.start(12, in: blue, on: 1),
                ]
                for (guest, number) in zip(guests, [11, 12]) {
                    let lease = try #require(try await world.underlay.lease(of: guest))
                    #expect(lease["ip"] == "10.9.0.\(number)" && lease["mtu"] == "1450")
                    #expect(try await world.underlay.ping(from: guest, to: try world.address(1)) == 1)
                }
                #expect(try await world.underlay.ping(from: guests[0], to: guests[1].address) == 1)
                #expect(nodes.servers(leader).count == 1 && nodes.servers(1 - leader).isEmpty)
            }
        }

        @Test
        func `after SIGKILL of the elected one nothing of it is left, and another one serves soon after its lease`()
            async throws
        {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                for (number, index) in [(11, 0), (12, 1)] { try await world.want(number, in: blue, on: index) }
                for index in 0..<2 { try await nodes.start(index) }
                let first = try await nodes.elected()
                try await nodes.meshed(blue)
                let guests = [
                    try await world.start(11, in: blue, on: 0), try await world.start(12, in: blue, on: 1),
                ]
                for guest in guests { #expect(try await world.underlay.lease(of: guest) != nil) }
                let killed = ContinuousClock.now
                try nodes.program(first).signal(SIGKILL)
                _ = try await nodes.program(first).end()
                try await eventually("its dnsmasq dies with it", within: .seconds(2)) {
                    nodes.servers(first).isEmpty
                }
                try await eventually("the other one's server waits behind its gate") {
                    nodes.servers(1 - first).count == 1
                }
                #expect(try await nodes.term() == 1)
                let second = try await nodes.elected(above: 1)
                #expect(second == 1 - first)
                // Also a guest of the node whose netnode is gone: its mesh stays.
                for guest in guests {
                    #expect(try await world.underlay.lease(of: guest, tries: 3) != nil)
                    #expect(try await world.underlay.ping(from: guest, to: try world.address(1)) == 1)
                }
                print(
                    "served again \(ContinuousClock.now - killed) after the kill, with a lease of \(nodes.timing.lease)"
                )
            }
        }

        @Test func `a stopped leader falls silent by itself within its fence, and stays silent when it goes on`()
            async throws
        {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                let program = try await nodes.start(0)
                _ = try await nodes.elected()
                let guest = try await world.start(11, in: blue, on: 0)
                #expect(try await world.underlay.lease(of: guest) != nil)
                let server = try #require(nodes.servers(0).first)

                let stopped = ContinuousClock.now
                program.signal(SIGSTOP)
                var lastHeard = stopped
                try await eventually("the gateway falls silent", within: .seconds(10)) {
                    let heard = try await world.underlay.ping(from: guest, to: try world.address(1)) == 1
                    if heard { lastHeard = .now }
                    return !heard
                }
                print("stopped; last heard after \(lastHeard - stopped), fence \(nodes.timing.fence)")
                // A ping waits a second for its answer, so what was heard was sent before.
                #expect(lastHeard - stopped < nodes.timing.fence + .milliseconds(300))
                #expect(nodes.servers(0) == [server], "dnsmasq itself knows nothing of it")
                #expect(try await world.underlay.lease(of: guest, tries: 2) == nil)

                // Somebody else has been elected meanwhile.
                try await world.cluster.execute(
                    """
                    UPDATE leases SET holder = \(SessionID.new()), holder_node = 'other', term = term + 1,
                        renewals = renewals + 1, renewed_at = NOW(6), expires_at = NOW(6) + INTERVAL 20 SECOND
                    """
                )
                program.signal(SIGCONT)
                try await eventually("it ends its servers") { nodes.servers(0).isEmpty }
                #expect(try await world.underlay.ping(from: guest, to: try world.address(1)) == 0)
                #expect(program.isRunning)
            }
        }

        @Test func `SIGTERM gives the role back, ends the servers and exits with 0; a second one ends at once`()
            async throws
        {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                let program = try await nodes.start(0)
                _ = try await nodes.elected()
                let guest = try await world.start(11, in: blue, on: 0)
                #expect(try await world.underlay.ping(from: guest, to: try world.address(1)) == 1)
                program.signal(SIGTERM)
                #expect(try await program.end() == 0)
                #expect(nodes.servers(0).isEmpty)
                #expect(try await world.cluster.count("SELECT COUNT(*) FROM leases WHERE holder IS NULL") == 1)
                #expect(
                    try await world.cluster.count("SELECT COUNT(*) FROM sessions WHERE dead = FALSE") == 0,
                    "its session is closed"
                )
                #expect(try await world.underlay.ping(from: guest, to: try world.address(1)) == 0)

                let again = try await nodes.start(0)
                _ = try await nodes.elected(above: 1)
                again.signal(SIGSTOP)
                again.signal(SIGTERM)
                again.signal(SIGINT)
                again.signal(SIGCONT)
                #expect(try await again.end() == 1)
                try await eventually("nothing of it is left") { nodes.servers(0).isEmpty }
            }
        }

        @Test func `the real dnsmasq dies with its netnode, 100 of 100, also in the moment in which it starts`()
            async throws
        {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                var (gone, young) = (0, 0)
                for turn in 0..<100 {
                    // Nobody needs to wait for the lease of the one that was killed.
                    try await world.cluster.execute("UPDATE leases SET holder = NULL, holder_node = NULL")
                    let program = try await nodes.start(0)
                    if turn.isMultiple(of: 2) {
                        // A process is there from its fork on, under the command line of netnode until its exec.
                        while nodes.servers(0).isEmpty, program.isRunning { await Task.yield() }
                        young += 1
                    } else {
                        try await eventually("it serves") { program.log.contains("serving the networks") }
                    }
                    program.signal(SIGKILL)
                    let end = try await program.end()
                    #expect(end == -SIGKILL, "turn \(turn): \(program.log)")
                    try await eventually("no dnsmasq is left") { nodes.servers(0).isEmpty }
                    gone += 1
                }
                print("netnode killed: \(gone) of 100 dnsmasqs gone, \(young) of them just started")
                #expect(gone == 100)
            }
        }

        @Test func `two with one state directory or one prefix do not run, and say why`() async throws {
            try await withNetNodes(hosts: 2) { nodes in
                let first = try await nodes.start(0)
                try await eventually("the first one has its locks") { first.log.contains("netnode starts") }
                let directory = nodes.stateDirectory(0)
                let second = try await nodes.start(1, environment: ["CLUSTEROPS_NETWORK_STATE_DIRECTORY": directory])
                #expect(try await second.end() == 1)
                #expect(second.log.contains("network.state_directory '\(directory)' is another netnode's"))
                let prefix = nodes.world.hosts[0].namespacePrefix
                let third = try await nodes.start(1, environment: ["CLUSTEROPS_NETWORK_NAMESPACE_PREFIX": prefix])
                #expect(try await third.end() == 1)
                #expect(third.log.contains("network.namespace_prefix '\(prefix)' is another netnode's"))
            }
        }
    }
}

import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB
import NetNode
import Testing

extension NamespaceTests {
    /// From `clusterctl`'s words to packets outside, by real netnodes.
    @Suite(.serialized) struct EgressTakeoverTests {
        private static let bridge = ["CLUSTEROPS_NETWORK_EXTERNAL_BRIDGE": "xbr"]
        private static let byOperations = bridge.merging(["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "1h"]) { $1 }

        private func pings(_ address: String, _ nodes: NetNodes, from namespace: String) async -> Bool {
            let ping = "ping -n -c 1 -W 1 \(address)"
            return (try? await nodes.world.underlay.run(ping, in: namespace)) != nil
        }

        @Test func `NAT and floats are made by the operations of their changes, and survive the leader's death`()
            async throws
        {
            // The third host is outside.
            try await withNetNodes(hosts: 3) { nodes in
                let world = nodes.world
                try await world.cluster.execute("UPDATE nodes SET is_network_node = FALSE WHERE name = 'h3'")
                let outside = world.hosts[2].namespace
                try await connectOutside(world.underlay, world.hosts[0...1].map(\.namespace), to: outside)
                let blue = try await world.addNetwork("blue", vni: 100)
                let name = try NetworkName("blue")
                for (number, index) in [(11, 0), (12, 1)] { try await world.want(number, in: blue, on: index) }
                let inventory = nodes.inventory
                try await nodes.defineExternal()
                for index in 0..<2 { try await nodes.start(index, environment: Self.byOperations) }
                let first = try await nodes.elected()
                try await eventually("converged") { try await inventory.network(name).converged }
                func converge(_ what: String) async throws {
                    try await eventually("converged after \(what)") { try await inventory.network(name).converged }
                }

                let changed = try await inventory.changeNetwork(name, NetworkChange(nat: true))
                #expect(changed.object.externalAddress?.description == "203.0.113.10" && !changed.object.converged)
                try await converge("NAT")
                let guests = [try await world.start(11, in: blue, on: 0), try await world.start(12, in: blue, on: 1)]
                for guest in guests {
                    try await world.underlay.run("ip route add default via 10.9.0.1", in: guest.namespace)
                    try await eventually("outside is reached from \(guest.address)") {
                        await pings(EgressWorld.outsideAddress, nodes, from: guest.namespace)
                    }
                }
                let interfaces = try await inventory.interfaces(network: name, node: nil)
                let interface = try #require(interfaces.first { $0.address == guests[0].address }).id
                let floating = try await inventory.floatInterface(interface)
                let float = try #require(floating.object.floatingAddress).description
                try await converge("a float")
                #expect(await pings(float, nodes, from: outside))
                // Candidates have it ready, behind their gate.
                let second = 1 - first
                let ready = "\(world.hosts[second].namespacePrefix)100"
                try await eventually("the candidate has it too") {
                    try await world.underlay.run("ip -o addr show dev ext0", in: ready).contains("\(float)/32")
                }
                let term = try await nodes.term()
                let program = try nodes.program(first)
                program.signal(SIGKILL)
                _ = try await program.end()
                let death = ContinuousClock.now
                _ = try await nodes.elected(above: term)
                try await eventually("the float is reached again") { await pings(float, nodes, from: outside) }
                print("a float was reached again \(ContinuousClock.now - death) after the leader's death")
                try await eventually("and guests reach outside") {
                    await pings(EgressWorld.outsideAddress, nodes, from: guests[1].namespace)
                }
                try await converge("the take-over")
                let applied = try await inventory.network(name).applied.filter { $0.what == .egress }
                #expect(applied.contains { $0.term > term })

                // Who comes back has what was made for it before, and takes away what is not wanted any more.
                try await nodes.start(first, environment: Self.byOperations)
                _ = try await inventory.unfloatInterface(interface)
                _ = try await inventory.changeNetwork(name, NetworkChange(nat: false))
                try await eventually("nothing of it is left") {
                    var links = ""
                    for host in world.hosts[0...1] {
                        links += try await world.underlay.run("ip -o link show", in: host.namespace)
                    }
                    return !links.contains("coex")
                }
                #expect(await !pings(float, nodes, from: outside))
                try await converge("no NAT")
            }
        }

        @Test func `without a bridge outside, networks with NAT say so, and all are served`() async throws {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let (blue, red) = (
                    try await world.addNetwork("blue", vni: 100), try await world.addNetwork("red", vni: 200)
                )
                for network in [blue, red] { try await world.want(11, in: network, on: 0) }
                let inventory = nodes.inventory
                try await nodes.defineExternal()
                _ = try await inventory.changeNetwork(try NetworkName("blue"), NetworkChange(nat: true))
                let environment = Self.bridge.merging(["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "500ms"]) { $1 }
                try await nodes.start(0, environment: environment)
                _ = try await nodes.elected()
                try await eventually("blue has a problem") {
                    try await inventory.network(try NetworkName("blue")).problems.contains {
                        $0.what == "egress" && $0.message.contains("there is no bridge 'xbr'")
                    }
                }
                try await eventually("red has converged") {
                    try await inventory.network(try NetworkName("red")).converged
                }
                #expect(try await inventory.network(try NetworkName("red")).problems.isEmpty)
                for network in [blue, red] {
                    let guest = try await world.start(11, in: network, on: 0)
                    #expect(try await world.underlay.lease(of: guest) != nil)
                }
                #expect(try await !inventory.network(try NetworkName("blue")).converged)
                let bridge = "ip link add name xbr type bridge mcast_snooping 0"
                try await world.underlay.run(bridge, in: world.hosts[0].namespace)
                try await world.underlay.run("ip link set dev xbr up", in: world.hosts[0].namespace)
                try await eventually("it is made once the bridge is there") {
                    let network = try await inventory.network(try NetworkName("blue"))
                    return network.converged && network.problems.isEmpty
                }
            }
        }
    }
}

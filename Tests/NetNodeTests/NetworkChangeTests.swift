import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import Logging
import MariaDB
import Testing

extension NamespaceTests {
    /// What is changed reaches kernels and guests, by the operations that the change has enqueued.
    @Suite(.serialized) struct NetworkChangeTests {
        /// A maintenance pass would do the operations' work.
        private static let withoutMaintenance = ["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "1h"]

        private func inventory(_ nodes: NetNodes) -> (ClusterConnection, Inventory) {
            let cluster = ClusterConnection(nodes.world.cluster.configuration, requester: "test", logger: .silent)
            return (cluster, Inventory(cluster))
        }

        private func converge(_ nodes: NetNodes, _ inventory: Inventory, _ name: String) async throws {
            let name = try NetworkName(name)
            try await eventually("network '\(name)' has converged") { try await inventory.network(name).converged }
            try await eventually("its operations are done") {
                try await nodes.world.cluster.count("SELECT COUNT(*) FROM work_queue") == 0
            }
        }

        private func mtu(of device: String, in namespace: String, _ nodes: NetNodes) async throws -> String {
            let text = try await nodes.world.underlay.run("ip -o link show dev \(device)", in: namespace)
            let words = text.split(separator: " ")
            return words.firstIndex(of: "mtu").map { String(words[$0 + 1]) } ?? "none in \(text)"
        }

        @Test func `another MTU reaches bridges, tunnels, veths and gateways of every node, and guests by DHCP`()
            async throws
        {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                for (number, index) in [(11, 0), (12, 1)] { try await world.want(number, in: blue, on: index) }
                for index in 0..<2 { try await nodes.start(index, environment: Self.withoutMaintenance) }
                _ = try await nodes.elected()
                try await nodes.meshed(blue)
                let guests = [try await world.start(11, in: blue, on: 0), try await world.start(12, in: blue, on: 1)]
                for guest in guests { #expect(try await world.underlay.lease(of: guest)?["mtu"] == "1450") }
                let (cluster, inventory) = inventory(nodes)
                for mtu in [1400, 1430] {
                    let changed = try await inventory.changeNetwork(
                        try NetworkName("blue"),
                        NetworkChange(mtu: try MTU(mtu))
                    )
                    #expect(changed.operations.count == 3)
                    try await converge(nodes, inventory, "blue")
                    for host in world.hosts {
                        for device in ["cobr100", "covx100", "cogw100"] {
                            #expect(try await self.mtu(of: device, in: host.namespace, nodes) == "\(mtu)", "\(device)")
                        }
                        let inside = "\(host.namespacePrefix)100"
                        #expect(try await self.mtu(of: "gw0", in: inside, nodes) == "\(mtu)")
                    }
                    for guest in guests {
                        #expect(try await world.underlay.lease(of: guest)?["mtu"] == "\(mtu)")
                        #expect(try await world.underlay.ping(from: guest, to: try world.address(1)) == 1)
                    }
                    let largest = mtu - 28
                    let (from, to) = (guests[0], guests[1].address)
                    #expect(try await world.underlay.ping(from: from, to: to, bytes: largest) == 1)
                }
                await cluster.close()
            }
        }

        @Test func `a network's DHCP and DNS can be turned off and on again`() async throws {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                try await nodes.start(0, environment: Self.withoutMaintenance)
                _ = try await nodes.elected()
                let guest = try await world.start(11, in: blue, on: 0)
                let (cluster, inventory) = inventory(nodes)
                for (dhcp, dns) in [(true, false), (false, false), (true, true)] {
                    let change = NetworkChange(domain: .name(try DomainName("x\(dns).example")), dhcp: dhcp, dns: dns)
                    _ = try await inventory.changeNetwork(try NetworkName("blue"), change)
                    try await converge(nodes, inventory, "blue")
                    #expect(nodes.servers(0).count == (dhcp || dns ? 1 : 0))
                    let lease = try await world.underlay.lease(of: guest, tries: 1)
                    #expect((lease != nil) == dhcp && lease?["dns"] == (dns ? "10.9.0.1" : nil))
                    #expect(lease == nil || lease?["domain"] == "x\(dns).example")
                }
                await cluster.close()
            }
        }

        @Test func `another underlay address of a node reaches the mesh of all its peers`() async throws {
            try await withNetNodes(hosts: 3) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                for number in 0..<3 { try await world.want(11 + number, in: blue, on: number) }
                for index in 0..<3 { try await nodes.start(index, environment: Self.withoutMaintenance) }
                _ = try await nodes.elected()
                try await nodes.meshed(blue)
                var guests: [NamespaceHosts.Guest] = []
                for number in 0..<3 {
                    guests.append(try await world.start(11 + number, in: blue, on: number))
                    try await nodes.letIn(guests[number], on: number)
                }
                for guest in guests[1...] {
                    #expect(try await world.underlay.ping(from: guests[0], to: guest.address) == 1)
                }
                let (cluster, inventory) = inventory(nodes)
                let moved = world.hosts[1]
                try await world.underlay.run("ip addr add 192.0.2.77/24 dev under0", in: moved.namespace)
                _ = try await inventory.changeNode(
                    try world.name(1),
                    NodeChange(underlayAddress: try IPv4Address("192.0.2.77"))
                )
                try await converge(nodes, inventory, "blue")
                for (index, host) in world.hosts.enumerated() {
                    let rows = try await world.underlay.run("bridge fdb show dev covx100", in: host.namespace)
                    #expect(rows.contains("192.0.2.77") == (index != 1), "\(rows)")
                    #expect(!rows.contains("\(moved.address)"), "\(rows)")
                }
                let tunnel = try await world.underlay.run("ip -d link show dev covx100", in: moved.namespace)
                #expect(tunnel.contains("local 192.0.2.77"), "\(tunnel)")
                // What is sent from the old address would be dropped now.
                let keepOthers = "sysctl -q -w net.ipv4.conf.all.promote_secondaries=1"
                try await world.underlay.run(keepOthers, in: moved.namespace)
                try await world.underlay.run("ip addr del \(moved.address)/24 dev under0", in: moved.namespace)
                for guest in [guests[0], guests[2]] {
                    #expect(try await world.underlay.ping(from: guest, to: guests[1].address) == 1)
                    #expect(try await world.underlay.ping(from: guests[1], to: guest.address) == 1)
                }
                #expect(try await world.underlay.lease(of: guests[1], tries: 3) != nil)
                await cluster.close()
            }
        }

        @Test func `a moved interface is reached from every node as soon as its operations are done`() async throws {
            try await withNetNodes(hosts: 3) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                for number in 0..<3 { try await world.want(11 + number, in: blue, on: number) }
                for index in 0..<3 { try await nodes.start(index, environment: Self.withoutMaintenance) }
                let leader = try await nodes.elected()
                try await nodes.meshed(blue)
                var guests: [NamespaceHosts.Guest] = []
                for number in 0..<3 {
                    guests.append(try await world.start(11 + number, in: blue, on: number))
                    try await nodes.letIn(guests[number], on: number)
                }
                for guest in guests { #expect(try await world.underlay.lease(of: guest) != nil) }
                for guest in guests[1...] {
                    #expect(try await world.underlay.ping(from: guests[0], to: guest.address) == 1)
                }
                let (cluster, inventory) = inventory(nodes)
                let interfaces = try await inventory.interfaces(network: try NetworkName("blue"), node: nil)
                let interface = try #require(interfaces.first { $0.address == guests[0].address })
                let server = nodes.servers(leader)
                for target in [1, 2, 0] {
                    let changed = try await inventory.changeInterface(
                        interface.id,
                        InterfaceChange(node: try world.name(target))
                    )
                    #expect(changed.operations.count == 4)
                    try await converge(nodes, inventory, "blue")
                    try await world.underlay.plug(guests[0], into: world.hosts[target], vni: blue.vni)
                    try await nodes.letIn(guests[0], on: target)
                    for guest in guests[1...] {
                        #expect(try await world.underlay.ping(from: guest, to: guests[0].address) == 1, "\(target)")
                    }
                    #expect(try await world.underlay.ping(from: guests[0], to: try world.address(1)) == 1)
                    #expect(try await world.underlay.lease(of: guests[0], tries: 3)?["ip"] == "10.9.0.11")
                }
                #expect(nodes.servers(leader) == server, "moving is nothing to the server")
                // Another name, another MAC: the same guest by its id.
                _ = try await inventory.changeInterface(
                    interface.id,
                    InterfaceChange(hostname: try HostName("other"))
                )
                try await converge(nodes, inventory, "blue")
                #expect(try await world.underlay.lease(of: guests[0], tries: 3)?["hostname"] == "other")
                let mac = try MACAddress("02:00:00:00:77:01")
                _ = try await inventory.changeInterface(interface.id, InterfaceChange(mac: mac))
                try await converge(nodes, inventory, "blue")
                #expect(try await world.underlay.lease(of: guests[0], tries: 1) == nil)
                // The interface's port is another one now.
                try await world.underlay.run("ip link del dev eth0", in: guests[0].namespace)
                let renewed = try await world.underlay.addGuest(
                    to: world.hosts[0],
                    vni: blue.vni,
                    mac: mac,
                    address: guests[0].address
                )
                try await nodes.letIn(renewed, on: 0)
                #expect(try await world.underlay.lease(of: renewed, tries: 3)?["ip"] == "10.9.0.11")
                #expect(nodes.servers(leader) == server, "a lease that is another's now needs no restart")
                await cluster.close()
            }
        }

        @Test func `a server that runs and does not answer is a problem since it was noticed, until it answers again`()
            async throws
        {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                let green = try await world.addNetwork("green", vni: 200)
                for network in [blue, green] { try await world.want(11, in: network, on: 0) }
                let program = try await nodes.start(
                    0,
                    environment: ["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "1s"]
                )
                _ = try await nodes.elected()
                try await eventually("both are served") { nodes.servers(0).count == 2 }
                let (cluster, inventory) = inventory(nodes)
                try await converge(nodes, inventory, "blue")
                func server(_ vni: Int) -> Int32? {
                    nodes.servers(0).first { pid in
                        let line = ProcFile.bytes("/proc/\(pid)/cmdline") ?? []
                        return String(decoding: line, as: UTF8.self).contains("/\(vni)/dnsmasq.conf")
                    }
                }
                let (silent, other) = (try #require(server(100)), try #require(server(200)))
                kill(silent, SIGSTOP)
                var problem: NetworkProblem?
                try await eventually("it is a problem") {
                    problem = try await inventory.network(try NetworkName("blue")).problems.first
                    return problem != nil
                }
                #expect(problem?.what == "dnsmasq" && problem?.node.description == "h1")
                #expect(problem?.message.contains("did not answer DHCP and DNS") == true, "\(problem?.message ?? "")")
                try await eventually("it is none any more") {
                    try await inventory.network(try NetworkName("blue")).problems.isEmpty
                }
                let guest = try await world.start(11, in: blue, on: 0)
                #expect(try await world.underlay.lease(of: guest, tries: 3)?["ip"] == "10.9.0.11")
                #expect(server(100) != silent && server(200) == other)
                #expect(program.isRunning)
                await cluster.close()
            }
        }
    }
}

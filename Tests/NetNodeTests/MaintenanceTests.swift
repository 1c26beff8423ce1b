import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import MariaDB
import Testing

extension NamespaceTests {
    /// What stays right without anybody asking, and what is gone when it is taken away.
    @Suite(.serialized) struct MaintenanceTests {
        private static let often = ["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "1s"]

        @Test func `what somebody breaks on the elected node is repaired without anybody asking`() async throws {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                try await nodes.start(0, environment: Self.often)
                _ = try await nodes.elected()
                let guest = try await world.start(11, in: blue, on: 0)
                let host = world.hosts[0]
                let namespace = "\(host.namespacePrefix)100"
                let directory = "\(nodes.stateDirectory(0))/100"
                func onHost(_ line: String) async throws -> String {
                    try await world.underlay.run(line, in: host.namespace)
                }
                let first = try #require(nodes.servers(0).first)
                try await damage("dnsmasq killed", guest, world) {
                    kill(first, SIGKILL)
                } isRepaired: {
                    nodes.servers(0).count == 1 && nodes.servers(0) != [first]
                }
                try await damage("hosts file emptied", guest, world) {
                    try Data().write(to: URL(fileURLWithPath: "\(directory)/hosts"))
                } isRepaired: {
                    try !Data(contentsOf: URL(fileURLWithPath: "\(directory)/hosts")).isEmpty
                }
                try await damage("rules flushed", guest, world) {
                    _ = try await onHost("nft flush ruleset")
                } isRepaired: {
                    try await onHost("nft list ruleset").contains("drop")
                }
                try await damage("veth deleted", guest, world) {
                    _ = try await onHost("ip link del dev cogw100")
                } isRepaired: {
                    try await onHost("ip -o link show").contains("cogw100")
                }
                // The namespace lives on without its name, with a dnsmasq that answers.
                try await damage("namespace deleted", guest, world) {
                    _ = try await onHost("ip netns del \(namespace)")
                } isRepaired: {
                    FileManager.default.fileExists(atPath: "/run/netns/\(namespace)") && nodes.servers(0).count == 1
                }
                try await damage("gateway down", guest, world) {
                    try await world.underlay.run("ip link set dev gw0 down", in: namespace)
                } isRepaired: {
                    try await world.underlay.run("ip -o link show dev gw0", in: namespace).contains(",UP")
                }
            }
        }

        private func damage(
            _ what: String,
            _ guest: NamespaceHosts.Guest,
            _ world: MeshWorld,
            _ strike: () async throws -> Void,
            isRepaired: () async throws -> Bool
        ) async throws {
            #expect(try await world.underlay.lease(of: guest) != nil, "before: \(what)")
            try await strike()
            try await eventually("repaired: \(what)", isRepaired)
            try await eventually("served after: \(what)") { try await world.underlay.lease(of: guest, tries: 2) != nil }
        }

        @Test func `interfaces that were added without an operation are served after a while, also on other nodes`()
            async throws
        {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                for index in 0..<2 { try await nodes.start(index, environment: Self.often) }
                _ = try await nodes.elected()
                for (number, index) in [(11, 0), (12, 1)] { try await world.want(number, in: blue, on: index) }
                try await nodes.meshed(blue)
                try await eventually("the server has them") {
                    try await world.cluster.count(
                        "SELECT COUNT(*) FROM applied_state WHERE what = 'dnsmasq' AND generation = 3"
                    ) == 1
                }
                for (number, index) in [(11, 0), (12, 1)] {
                    let guest = try await world.start(number, in: blue, on: index)
                    #expect(try await world.underlay.lease(of: guest)?["ip"] == "10.9.0.\(number)")
                }
            }
        }

        @Test func `a network that is removed leaves nothing on any node, and the other network goes on`() async throws
        {
            try await withNetNodes(hosts: 3) { nodes in
                let world = nodes.world
                let inventory = Inventory(
                    ClusterConnection(
                        database: world.cluster.database,
                        requester: "test",
                        waker: NoWaker(),
                        logger: .silent
                    )
                )
                let green = try await world.addNetwork("green", vni: 200)
                try await world.want(11, in: green, on: 1)
                for index in 0..<3 { try await nodes.start(index) }
                let leader = try await nodes.elected()
                try await nodes.meshed(green)
                @Sendable func traces(_ index: Int) async throws -> [String] {
                    let host = world.hosts[index]
                    let links = try await world.underlay.run("ip -j link show", in: host.namespace)
                    let names = links.matches(of: /"ifname":"([^"]*)"/).map { String($0.1) }
                    let tables = try await world.underlay.run("nft --stateless list tables", in: host.namespace)
                    let namespaces = try FileManager.default.contentsOfDirectory(atPath: "/run/netns")
                        .filter { $0.hasPrefix(host.namespacePrefix) }
                    let files = try FileManager.default.contentsOfDirectory(atPath: nodes.stateDirectory(index))
                    return names.sorted() + [tables] + namespaces.sorted() + files.sorted()
                        + ["servers: \(nodes.servers(index).count)"]
                }
                for index in 0..<3 {
                    try await eventually("h\(index + 1) is ready for green") {
                        try await traces(index).contains("\(world.hosts[index].namespacePrefix)200")
                    }
                }
                var before: [[String]] = []
                for index in 0..<3 { before.append(try await traces(index)) }
                let blue = try await inventory.addNetwork(
                    NetworkDraft(
                        name: try NetworkName("blue"),
                        vni: try VNI(100),
                        cidr: try CIDR("10.9.0.0/24"),
                        mtu: try MTU(1450),
                        domain: nil,
                        dhcp: true,
                        dns: true
                    )
                )
                let network = MeshWorld.Network(id: blue.object.record.id, vni: try VNI(100))
                try await nodes.meshed(network)
                try await eventually("it is served") { nodes.servers(leader).count == 2 }
                let removal = try await inventory.removeNetwork(try NetworkName("blue"))
                #expect(removal.operations.count == 4, "the servers, and each node's mesh")
                for id in removal.operations {
                    try await eventually("\(id) ends") { try await world.cluster.operation(id).state.isTerminal }
                    let operation = try await world.cluster.operation(id)
                    #expect(operation.state == .complete, "\(operation.tasks): \(String(describing: operation.error))")
                }
                for index in 0..<3 {
                    #expect(try await traces(index) == before[index], "h\(index + 1)")
                }
                #expect(nodes.servers(leader).count == 1)
                for table: SQL in ["applied_state", "network_problems", "interfaces"] {
                    let left = try await world.cluster.count(
                        "SELECT COUNT(*) FROM \(sql: table) WHERE network <> \(green.id)"
                    )
                    #expect(left == 0)
                }
                #expect(try await world.cluster.count("SELECT COUNT(*) FROM vni_holds") == 0)
                let guest = try await world.start(11, in: green, on: 1)
                #expect(try await world.underlay.lease(of: guest) != nil)
            }
        }

        @Test
        func `what is left of a network that was removed while a node was away goes, but not what a guest hangs on`()
            async throws
        {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let host = world.hosts[0]
                let networks = [
                    try await world.addNetwork("blue", vni: 100), try await world.addNetwork("red", vni: 200),
                ]
                try await world.want(11, in: networks[1], on: 0)
                let first = try await nodes.start(0)
                _ = try await nodes.elected()
                try await eventually("both are served") { nodes.servers(0).count == 2 }
                let guest = try await world.start(11, in: networks[1], on: 0)
                first.signal(SIGKILL)
                _ = try await first.end()
                // Without an operation, as with --no-apply.
                try await world.cluster.execute("DELETE FROM interfaces")
                for name in ["blue", "red"] { try await world.removeNetwork(name) }
                // Of this one the node has nothing, as after a boot.
                try await world.cluster.execute(
                    """
                    INSERT INTO vni_holds (vni, node, network, network_name, since)
                    SELECT 300, id, \(NetworkID.new()), 'green', NOW(6) FROM nodes
                    """
                )
                try await nodes.start(0, environment: Self.often)
                func links() async throws -> String {
                    try await world.underlay.run("ip -o link show", in: host.namespace)
                }
                try await eventually("blue's devices, namespace and files are gone") {
                    let links = try await links()
                    return !["cobr100", "covx100", "cogw100"].contains(where: links.contains)
                        && !FileManager.default.fileExists(atPath: "/run/netns/\(host.namespacePrefix)100")
                        && !FileManager.default.fileExists(atPath: "\(nodes.stateDirectory(0))/100")
                }
                let left = try await links()
                #expect(left.contains("cobr200") && left.contains("covx200"), "red's guest is still there")
                // Nobody gets red's VNI, until the guest is unplugged.
                try await eventually("all VNIs are released but red's, which is held by its guest's device") {
                    let all = try await world.cluster.count("SELECT COUNT(*) FROM vni_holds")
                    let ofGuest = "SELECT COUNT(*) FROM vni_holds WHERE vni = 200 AND devices = \(guest.port)" as SQL
                    return try await world.cluster.count(ofGuest) == 1 && all == 1
                }
                try await world.underlay.run("ip link del \(guest.port)", in: host.namespace)
                try await eventually("red's VNI is released, too") {
                    try await world.cluster.count("SELECT COUNT(*) FROM vni_holds") == 0
                }
                #expect(try await !links().contains("cobr200"))
            }
        }

        @Test func `before its node is added it says so and keeps trying, and it ends at SIGTERM all the same`()
            async throws
        {
            try await withNetNodes(hosts: 1) { nodes in
                try await nodes.world.cluster.execute("UPDATE nodes SET name = 'later'")
                let program = try await nodes.start(0)
                try await eventually("it says what is missing") { program.log.contains("clusterctl node add h1") }
                program.signal(SIGTERM)
                #expect(try await program.end() == 0)
                let again = try await nodes.start(0)
                try await eventually("it says so again") { again.log.contains("clusterctl node add h1") }
                try await nodes.world.cluster.execute("UPDATE nodes SET name = 'h1'")
                try await eventually("it is elected once its node is there") { try await nodes.leader() == 0 }
            }
        }
    }
}

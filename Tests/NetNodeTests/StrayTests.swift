import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

extension NamespaceTests {
    /// What bears our names and is wanted by nobody.
    @Suite(.serialized) struct StrayTests {
        private static let often = ["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "1s"]

        @Test func `strays of every kind go by themselves, and what only looks like one stays`() async throws {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let host = world.hosts[0]
                let directory = nodes.stateDirectory(0)
                let (blue, red) = (
                    try await world.addNetwork("blue", vni: 100), try await world.addNetwork("red", vni: 200)
                )
                try await world.want(11, in: blue, on: 0)
                let program = try await nodes.start(0, environment: Self.often)
                _ = try await nodes.elected()
                // In any order: the table that was made last is the last one.
                func tables() async throws -> [Substring] {
                    try await world.underlay.run("nft list tables", in: host.namespace).split(separator: "\n").sorted()
                }
                try await eventually("both are served") {
                    let hasPorts = try await tables().contains { $0.contains("coports") }
                    return hasPorts && nodes.servers(0).count == 2
                }
                let rules = try await tables()
                let server = try #require(
                    nodes.servers(0).first { pid in
                        let line = ProcFile.bytes("/proc/\(pid)/cmdline") ?? []
                        return String(decoding: line, as: UTF8.self).contains("/200/")
                    }
                )
                // One of each kind by itself, as somebody who was killed in the middle leaves them.
                for line in [
                    "ip link add name cobr301 type bridge", "ip link add name covx302 type vxlan id 302 dstport 4789",
                    "ip link add name cogw303 type bridge", "ip netns add \(host.namespacePrefix)304",
                    // Not ours, however alike.
                    "ip link add name cobr0305 type bridge", "ip link add name cobrx type bridge",
                    "ip link add name covx type bridge", "ip netns add \(host.namespacePrefix)x",
                ] {
                    try await world.underlay.run(line, in: host.namespace)
                }
                let names = ["306", "307", "0308"]
                for name in names {
                    try FileManager.default.createDirectory(
                        atPath: "\(directory)/\(name)",
                        withIntermediateDirectories: false
                    )
                    try Data("#\n".utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)/hosts"))
                }
                try Data("keep\n".utf8).write(to: URL(fileURLWithPath: "\(directory)/307/notes"))
                // A whole network, as with --no-apply, while its server runs.
                try await world.cluster.execute("DELETE FROM networks WHERE id = \(red.id)")
                func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
                try await eventually("all strays are gone") {
                    let links = try await world.underlay.run("ip -o link show", in: host.namespace)
                    return !["cobr301", "covx302", "cogw303", "cobr200", "covx200", "cogw200"].contains {
                        links.contains("\($0):") || links.contains("\($0)@")
                    } && !exists("/run/netns/\(host.namespacePrefix)304")
                        && !exists("/run/netns/\(host.namespacePrefix)200") && !exists("\(directory)/306")
                        && !exists("\(directory)/307/hosts") && !exists("\(directory)/200")
                }
                #expect(nodes.servers(0).count == 1 && !nodes.servers(0).contains(server))
                let links = try await world.underlay.run("ip -o link show", in: host.namespace)
                for name in ["cobr0305", "cobrx", "covx", "cobr100", "covx100", "cogw100"] {
                    #expect(links.contains(" \(name)"), "\(name)")
                }
                #expect(
                    exists("/run/netns/\(host.namespacePrefix)x") && exists("/run/netns/\(host.namespacePrefix)100")
                )
                #expect(exists("\(directory)/307/notes") && exists("\(directory)/0308/hosts"))
                #expect(try await tables() == rules)
                // What stays is told once, and not at each pass.
                for number in 309...310 {
                    try await world.underlay.run("ip link add name cobr\(number) type bridge", in: host.namespace)
                    try await eventually("stray \(number) is gone") {
                        try await !world.underlay.run("ip -o link show", in: host.namespace).contains("cobr\(number)")
                    }
                }
                let told = program.log.split(separator: "\n").filter {
                    $0.contains("\"stray\"") && $0.contains("\"307\"")
                }
                #expect(told.count == 1, "\(told.joined(separator: "\n"))")
                try await world.underlay.run("ip netns del \(host.namespacePrefix)x", in: host.namespace)
            }
        }

        @Test func `while a read fails nothing is a stray, however long`() async throws {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let host = world.hosts[0]
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                let program = try await nodes.start(0, environment: Self.often)
                _ = try await nodes.elected()
                let guest = try await world.start(11, in: blue, on: 0)
                #expect(try await world.underlay.lease(of: guest) != nil)
                let servers = nodes.servers(0)
                func links() async throws -> String {
                    try await world.underlay.run("ip -o link show", in: host.namespace)
                }
                let before = try await links()
                // Wanted state is unreadable, and looks as if there were none.
                try await world.cluster.execute("RENAME TABLE interfaces TO elsewhere")
                try await eventually("maintenance fails") { program.log.contains("maintenance failed") }
                try await world.underlay.run("ip link add name cobr300 type bridge", in: host.namespace)
                let begin = ContinuousClock.now
                try await eventually("three grace times have passed") { ContinuousClock.now - begin > .seconds(6) }
                let during = try await links()
                #expect(during.contains("cobr300") && during.contains("covx100") && during.contains("cogw100"))
                #expect(nodes.servers(0) == servers)
                try await world.cluster.execute("RENAME TABLE elsewhere TO interfaces")
                try await eventually("what is a stray goes once it is known to be one") {
                    try await !links().contains("cobr300")
                }
                #expect(nodes.servers(0) == servers)
                #expect(try await links().split(separator: "\n").count == before.split(separator: "\n").count)
                #expect(try await world.underlay.lease(of: guest) != nil)
            }
        }

        @Test func `a node that is no network node any more keeps the mesh of its guests, and nothing behind a gate`()
            async throws
        {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                for (number, index) in [(11, 0), (12, 1)] { try await world.want(number, in: blue, on: index) }
                for index in 0..<2 { try await nodes.start(index, environment: Self.often) }
                // The elected one hands over first.
                let lost = try await nodes.elected()
                try await nodes.meshed(blue)
                let term = try await nodes.term()
                try await world.cluster.execute(
                    "UPDATE nodes SET is_network_node = FALSE WHERE id = \(world.nodes[lost])"
                )
                #expect(try await nodes.elected(above: term) == 1 - lost)
                let host = world.hosts[lost]
                try await eventually("its veth, namespace and files are gone") {
                    let links = try await world.underlay.run("ip -o link show", in: host.namespace)
                    return !links.contains("cogw100")
                        && !FileManager.default.fileExists(atPath: "/run/netns/\(host.namespacePrefix)100")
                        && !FileManager.default.fileExists(atPath: "\(nodes.stateDirectory(lost))/100")
                }
                let links = try await world.underlay.run("ip -o link show", in: host.namespace)
                #expect(links.contains("cobr100") && links.contains("covx100"))
                let guest = try await world.start(lost == 0 ? 11 : 12, in: blue, on: lost)
                #expect(try await world.underlay.lease(of: guest, tries: 3) != nil)
                #expect(try await world.underlay.ping(from: guest, to: try world.address(1)) == 1)

                try await world.cluster.execute(
                    "UPDATE nodes SET is_network_node = TRUE WHERE id = \(world.nodes[lost])"
                )
                try await eventually("it is ready to be elected again") {
                    FileManager.default.fileExists(atPath: "/run/netns/\(host.namespacePrefix)100")
                }
            }
        }
    }
}

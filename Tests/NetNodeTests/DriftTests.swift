import ClusterDaemon
import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

extension NamespaceTests {
    /// What somebody breaks is repaired as soon as the kernel tells of it, with maintenance too seldom to have done it.
    @Suite(.serialized) struct DriftTests {
        private static let seldom = ["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "10m"]
        /// A sweep's two seconds, a repair, and a machine that does other things.
        private static let soon: Duration = .seconds(6)

        /// A node that serves, with a guest of its own, a peer that never runs, and a guest there.
        private struct World: Sendable {
            let nodes: NetNodes
            let blue: MeshWorld.Network
            let mac: MACAddress
            let far: MACAddress

            var mesh: MeshWorld { nodes.world }
            var host: NamespaceHosts.Host { mesh.hosts[0] }
            var namespace: String { "\(host.namespacePrefix)100" }
            var directory: String { "\(nodes.stateDirectory(0))/100" }

            @discardableResult
            func onHost(_ line: String) async throws -> String { try await mesh.underlay.run(line, in: host.namespace) }

            @discardableResult
            func inside(_ line: String) async throws -> String { try await mesh.underlay.run(line, in: namespace) }

            /// The contents of a server's file, but for the line of its probe, whose address each start chooses anew.
            func file(_ name: String) -> String? {
                let text = try? String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)
                return text?.split(separator: "\n").filter { !$0.hasSuffix(",10.9.0.0") }.joined(separator: "\n")
            }

            /// All that the kernel and the disk have of the network, but for numbers that change with each making.
            func state() async throws -> [String] {
                let links = try await onHost("ip -o -d link show").split(separator: "\n")
                    .filter { ["cobr100", "covx100", "cogw100"].contains(where: $0.contains) }
                let facts = links.map { line in
                    let words = line.split(separator: " ").map(String.init)
                    let kept = ["mtu", "master", "group", "id", "local", "dstport", "addrgenmode", "mcast_snooping"]
                    let pairs = zip(words, words.dropFirst()).filter { kept.contains($0.0) }.map { "\($0) \($1)" }
                    let flags = ["UP", "nolearning"].filter { line.contains($0) }
                    return ([String(words[1].prefix { $0 != "@" && $0 != ":" })] + pairs + flags).joined(separator: " ")
                }
                let rows = (try? await onHost("bridge fdb show dev covx100")) ?? "no tunnel"
                let entries = rows.split(separator: "\n").map(String.init)
                    .filter { $0.contains("dst") && $0.contains("permanent") }
                let inner = (try? await inside("ip -o addr show")) ?? "none"
                let ofIPv6 = (try? await inside("sysctl net.ipv6.conf.gw0.disable_ipv6")) ?? "none"
                let addresses = inner.split(separator: "\n").map { line in
                    line.split(separator: " ").dropFirst().prefix(3).joined(separator: " ")
                }
                let gateway = (try? await inside("ip -o link show dev gw0")) ?? "gw0 is missing"
                let facing = gateway.split(separator: " ").dropFirst(2).joined(separator: " ")
                    .replacing(/qdisc.*default|qlen [0-9]+|link-netns.*/, with: "")
                let settings = ["cobr100", "covx100", "cogw100"].flatMap { device in
                    ["forwarding", "rp_filter", "arp_ignore"].map { "net.ipv4.conf.\(device).\($0)" }
                        + ["net.ipv6.conf.\(device).disable_ipv6"]
                }
                let closed = try await onHost("sysctl -e \(settings.joined(separator: " "))")
                let files = ["dnsmasq.conf", "hosts", "names"].map { file($0) ?? "\($0) is missing" }
                return facts.sorted() + entries.sorted() + addresses.sorted() + [facing, closed, ofIPv6] + files
            }

            func isUp(_ device: String) async throws -> Bool {
                try await onHost("ip -o link show dev \(device)").contains(",UP")
            }
        }

        private func withWorld(_ body: @Sendable (World) async throws -> Void) async throws {
            try await withNetNodes(hosts: 2) { nodes in
                let mesh = nodes.world
                let blue = try await mesh.addNetwork("blue", vni: 100)
                let mac = try await mesh.want(11, in: blue, on: 0)
                let far = try await mesh.want(12, in: blue, on: 1)
                try await nodes.start(0, environment: Self.seldom)
                _ = try await nodes.elected()
                let world = World(nodes: nodes, blue: blue, mac: mac, far: far)
                try await eventually("it serves with its first pass behind it") {
                    let rules = try await world.onHost("nft list table bridge coplane")
                    return nodes.servers(0).count == 1 && rules.contains("expires")
                }
                try await body(world)
            }
        }

        @Test func `every damage by hand is undone within seconds, without maintenance and without an operation`()
            async throws
        {
            try await withWorld { world in
                let peer = world.mesh.hosts[1].address
                let far = world.far
                let flood = "00:00:00:00:00:00"
                let good = try await world.state()
                #expect(good.count == 13 && !good.contains { $0.contains("missing") || $0 == "none" }, "\(good)")
                let onHost: [String] = [
                    "ip link del dev cobr100", "ip link del dev covx100", "ip link del dev cogw100",
                    "bridge fdb del \(flood) dev covx100 dst \(peer)", "bridge fdb del \(far) dev covx100 dst \(peer)",
                    "bridge fdb replace \(far) dev covx100 dst 192.0.2.77",
                    "bridge fdb add 02:00:00:00:00:99 dev covx100 dst \(peer)",
                    "bridge fdb append \(flood) dev covx100 dst 192.0.2.77",
                    "ip link set dev covx100 type vxlan local 192.0.2.99 learning", "ip link set dev covx100 mtu 1400",
                    "ip link set dev cobr100 mtu 1400", "ip link set dev covx100 nomaster",
                    "ip link set dev cogw100 nomaster", "ip link set dev cogw100 group default",
                    "ip link set dev cobr100 down", "ip link set dev cogw100 mtu 1400",
                    "ip link set dev cobr100 type bridge mcast_snooping 1", "ip netns del \(world.namespace)",
                    "sysctl -q -w net.ipv4.conf.cobr100.rp_filter=0", "sysctl -q -w net.ipv4.conf.covx100.arp_ignore=0",
                    "sysctl -q -w net.ipv6.conf.cogw100.disable_ipv6=0", "sysctl -q -w net.ipv4.ip_forward=1",
                    "sysctl -q -w net.ipv6.conf.all.disable_ipv6=0",
                ]
                let inside: [String] = [
                    "ip addr flush dev gw0", "ip addr add 10.9.0.7/24 dev gw0", "ip link set dev gw0 down",
                    "ip link set dev gw0 address 02:00:00:00:00:77", "ip link set dev gw0 mtu 1400",
                    "ip link del dev gw0", "sysctl -q -w net.ipv6.conf.all.disable_ipv6=0",
                ]
                for line in onHost {
                    try await repaired(line, good, world) { try await world.onHost(line) }
                }
                for line in inside {
                    try await repaired(line, good, world) { try await world.inside(line) }
                }
                // A cable that somebody has pulled to another name, and a tunnel of another VNI under ours.
                try await repaired("veth renamed", good, world) {
                    try await world.onHost("ip link set dev cogw100 name other")
                }
                try await repaired("tunnel replaced", good, world) {
                    // At once, and again where it was made anew in between all the same.
                    let lines = "link del dev covx100\nlink add name covx100 type vxlan id 7 dstport 8472\n"
                    try await eventually("it is replaced") {
                        let run = try? await world.mesh.underlay.run(
                            "ip -batch -",
                            input: lines,
                            in: world.host.namespace
                        )
                        return run != nil
                    }
                }
                for name in ["dnsmasq.conf", "hosts", "names"] {
                    let path = "\(world.directory)/\(name)"
                    try await repaired("\(name) removed", good, world) { unlink(path) }
                    try await repaired("\(name) altered", good, world) {
                        try Data("#\n".utf8).write(to: URL(fileURLWithPath: path))
                    }
                }
                try await repaired("directory removed", good, world) {
                    try FileManager.default.removeItem(atPath: world.directory)
                }
                try await repaired("lease file removed", good, world) { unlink("\(world.directory)/leases") }
                let server = try #require(world.nodes.servers(0).first)
                try await repaired("dnsmasq killed", good, world) { kill(server, SIGKILL) }
                #expect(world.nodes.servers(0) != [server])
                #expect(try await world.mesh.cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
                try await eventually("what was told of the damage is taken back") {
                    try await world.mesh.cluster.count("SELECT COUNT(*) FROM network_problems") == 0
                }
                // With all its repairs behind it the network serves.
                let guest = try await world.mesh.start(11, in: world.blue, on: 0)
                #expect(try await world.mesh.underlay.lease(of: guest)?["ip"] == "10.9.0.11")
            }
        }

        /// Strikes, sees the damage, and waits until all is as it was.
        private func repaired(
            _ what: String,
            _ good: [String],
            _ world: World,
            _ strike: () async throws -> Void
        ) async throws {
            let clock = ContinuousClock()
            let start = clock.now
            try await strike()
            try await eventually("repaired: \(what)", within: Self.soon) {
                guard try await world.state() == good, world.nodes.servers(0).count == 1 else { return false }
                return FileManager.default.fileExists(atPath: "\(world.directory)/leases")
            }
            print("drift: \(what): \(clock.now - start)")
        }
    }
}

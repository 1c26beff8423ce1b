import ClusterOpsTestKit
import Foundation
import Synchronization
import Testing

@testable import ClusterModel
@testable import NetNode

extension NamespaceTests {
    /// The insides of namespaces are read after an event, and otherwise in turns.
    @Suite(.serialized) struct NamespaceMemoryTests {
        /// A turn for each of them.
        private static let vnis = 100..<100 + NamespaceMemory.turns

        /// Gives a test the reconcile loop of a node, which receives no events, with the namespaces of its networks.
        private func withNetworks(
            _ body: @escaping @Sendable (MeshWorld, ReconcileLoop) async throws -> Void
        ) async throws {
            try await withMesh(hosts: 1, networkNodes: [0]) { world in
                for vni in Self.vnis { _ = try await world.addNetwork("n\(vni)", vni: vni) }
                try await world.withLoop(0) { loop in
                    let keys = try Self.vnis.map { ReconcileLoop.Key.network(try VNI($0)) }
                    for result in try await loop.reconcile(keys, .operation).values { _ = try result.get() }
                    try await body(world, loop)
                }
            }
        }

        private func namespace(_ vni: Int, of world: MeshWorld) -> String { "\(world.hosts[0].namespacePrefix)\(vni)" }

        @Test func `without an event a drift check visits its share of the namespaces, and after one all of them`()
            async throws
        {
            try await withNetworks { world, loop in
                func survey(_ insides: Bool = false) async throws -> HostSurvey {
                    try await loop.networks.surveyOfAll(withEntries: false, readingInsides: insides)
                }
                func drift(_ survey: HostSurvey) -> Set<VNI> {
                    loop.networks.known.withLock { $0 }.drift(in: survey)
                }
                #expect(try await survey(true).insidesRead == Self.vnis.count)
                for _ in 0..<2 * NamespaceMemory.turns { #expect(try await survey().insidesRead == 1) }
                for vni in Self.vnis {
                    let damaged = try VNI(vni)
                    try await world.underlay.run("ip link set dev gw0 mtu 1400", in: namespace(vni, of: world))
                    var found = 0
                    for _ in 0..<NamespaceMemory.turns { found += drift(try await survey()) == [damaged] ? 1 : 0 }
                    #expect(found > 0, "no check of a whole round has found the damage in \(vni)")
                    try await world.underlay.run("ip link set dev gw0 mtu 1450", in: namespace(vni, of: world))
                    #expect(drift(try await survey(true)).isEmpty, "what has changed is read after an event")
                }
                // That of the node is compared in each check.
                try await world.underlay.run("ip link set dev cogw101 mtu 1400", in: world.hosts[0].namespace)
                #expect(drift(try await survey()) == [try VNI(101)])
                try await world.underlay.run("ip netns del \(namespace(102, of: world))", in: world.hosts[0].namespace)
                #expect(drift(try await survey()) == [try VNI(101), try VNI(102)], "a name is looked at in each check")
            }
        }

        @Test func `when the gates are to be opened or closed, those that were not are found`() async throws {
            try await withNetworks { world, loop in
                func survey() async throws -> HostSurvey {
                    try await loop.networks.surveyOfAll(withEntries: false, readingInsides: false)
                }
                for _ in 0..<NamespaceMemory.turns { _ = try await survey() }
                let namespaces = loop.networks.namespaces
                try await namespaces.openGates(under: try await world.elect(0))
                #expect(namespaces.gateDrift(in: try await survey()).isEmpty)
                #expect(try await survey().insidesRead == 1)
                try await namespaces.closeGates()
                #expect(namespaces.gateDrift(in: try await survey()).isEmpty)
            }
        }

        @Test func `damage inside a namespace of which no event tells is repaired by the checks of one round`()
            async throws
        {
            try await withNetworks { world, loop in
                for vni in Self.vnis {
                    try await world.underlay.run("ip addr flush dev gw0", in: namespace(vni, of: world))
                }
                for _ in 0..<NamespaceMemory.turns { _ = try await loop.reconcile(.node, .repair) }
                try await eventually("all have their address again") {
                    for vni in Self.vnis {
                        let addresses = try await world.underlay.run("ip -4 addr show", in: namespace(vni, of: world))
                        guard addresses.contains("10.9.0.1/24") else { return false }
                    }
                    return true
                }
            }
        }

        @Test func `after a failed read the next check reads all`() throws {
            var memory = NamespaceMemory()
            let (vni, other) = (try VNI(100), try VNI(101))
            let inside = HostSurvey.Inside(number: 1, interior: .present(loopbackIsUp: true, gateway: nil))
            let survey = HostSurvey(
                links: [:],
                entries: [:],
                stations: [:],
                tables: [:],
                insides: [vni: inside, other: inside]
            )
            memory.note(survey)
            let known = (0..<NamespaceMemory.turns).map { _ in memory.take(distrusting: false, gate: NamespaceGate()) }
            for vni in [vni, other] { #expect(known.count { $0[vni] == nil } == 1) }
            // No note follows: the read that was to be made has failed.
            #expect(memory.take(distrusting: true, gate: NamespaceGate()).isEmpty)
            #expect(memory.take(distrusting: false, gate: NamespaceGate()).isEmpty)
            memory.note(survey)
            #expect(memory.take(distrusting: false, gate: NamespaceGate(isOpen: true)).isEmpty)
        }

        @Test func `the kernel reports a default route that goes, and a device that begins to take IPv6`() async throws
        {
            try await withHosts(count: 1) { underlay in
                let host = underlay.hosts[0]
                let name = NamespaceName(prefix: host.namespacePrefix, try VNI(100))
                let directory = "/tmp/\(host.namespace)-monitor"
                try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
                defer { try? FileManager.default.removeItem(atPath: directory) }
                try await underlay.run("ip netns add \(name)", in: host.namespace)
                for line in [
                    "sysctl -q -w net.ipv6.conf.all.disable_ipv6=1", "ip link set dev lo up",
                    "ip link add name gw0 type veth peer name cogw100 netns \(host.namespace)",
                    "ip link set dev gw0 up", "ip addr add 10.9.0.1/24 dev gw0",
                    "ip route add default via 10.9.0.2",
                ] { try await underlay.run(line, in: "\(name)") }
                // A device without a carrier takes nothing yet, and the kernel says nothing.
                try await underlay.run("ip link set dev cogw100 up", in: host.namespace)
                // Which gives the namespace an id here, if that has none: as each drift check does before it remembers.
                _ = try await HostSurvey.take(in: host.namespacePath, names: [], rows: .none)
                let news = Mutex(0)
                let monitor = NetlinkMonitor(prefix: host.namespacePrefix, stateDirectory: directory) { change in
                    if change == .insides { news.withLock { $0 += 1 } }
                }
                defer { monitor.close() }
                try WithinNamespace.run(host.namespacePath) { try monitor.listen() }
                // It says itself that nothing is known of what was before.
                #expect(news.withLock { $0 } > 0)
                for line in ["ip route del default", "sysctl -q -w net.ipv6.conf.gw0.disable_ipv6=0"] {
                    news.withLock { $0 = 0 }
                    try await underlay.run(line, in: "\(name)")
                    try await eventually("it is reported: \(line)") { news.withLock { $0 } > 0 }
                }
            }
        }
    }
}

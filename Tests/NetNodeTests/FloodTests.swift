import CNetlink
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Glibc
import MariaDB
import Testing

@testable import NetNode

extension NamespaceTests {
    /// One network's guest that sends from ever new addresses, where nothing keeps it from that.
    @Suite(.serialized) struct FloodTests {
        private static let made = 100_000

        /// Two networks on two hosts: `blue`, whose guests may send from any address, and `red`.
        private struct World {
            let mesh: MeshWorld
            let blue: MeshWorld.Network
            let red: MeshWorld.Network
            let loops: [ReconcileLoop]

            func bring(_ network: MeshWorld.Network) async throws {
                for loop in loops {
                    let outcome = try await loop.reconcile(.network(network.vni), .operation)
                    #expect(outcome.meshTrouble == nil && outcome.portTrouble == nil)
                }
            }

            /// The rows that a host's kernel gives for one network.
            func rows(of network: MeshWorld.Network, on index: Int) async throws -> Int {
                let path = mesh.hosts[index].namespacePath
                return try await HostSurvey.take(in: path, names: [], rows: .of([network.vni])).rowsRead
            }
        }

        private func withWorld(_ body: @Sendable (World) async throws -> Void) async throws {
            try await withMesh(hosts: 2, networkNodes: [0]) { mesh in
                let blue = try await mesh.addNetwork("blue", vni: 100)
                let red = try await mesh.addNetwork("red", vni: 200)
                try await mesh.cluster.execute("UPDATE networks SET port_security = FALSE WHERE vni = 100")
                for network in [blue, red] {
                    for index in 0..<2 { try await mesh.want(11 + index, in: network, on: index) }
                }
                try await mesh.withLoop(0) { first in
                    try await mesh.withLoop(1) { second in
                        try await body(World(mesh: mesh, blue: blue, red: red, loops: [first, second]))
                    }
                }
            }
        }

        /// Sends broadcasts from addresses that no guest has.
        private func flood(_ wire: RawPort, _ numbers: Range<Int>) throws {
            let payload = [UInt8](repeating: 0, count: 46)
            for number in numbers {
                let source = [0x06, 0x22] + withUnsafeBytes(of: UInt32(number).bigEndian) { Array($0) }
                // An experimental type: nothing on the way looks into it.
                try wire.send(ForgedFrame.everybody + source + [0x88, 0xb5] + payload)
            }
        }

        @Test func `100,000 sources in a network without port security leave others' passes and its bridges small`()
            async throws
        {
            try await withWorld { world in
                for network in [world.blue, world.red] { try await world.bring(network) }
                let attacker = try await world.mesh.start(11, in: world.blue, on: 0)
                let far = try await world.mesh.start(12, in: world.blue, on: 1)
                try await world.bring(world.blue)
                var quiet: [Int] = []
                for index in 0..<2 { quiet.append(try await world.rows(of: world.red, on: index)) }
                #expect(quiet.allSatisfy { (1..<20).contains($0) })

                try flood(try RawPort("eth0", in: attacker.namespace), 0..<Self.made)
                for index in 0..<2 {
                    let flooded = try await world.rows(of: world.blue, on: index)
                    // What is made up does reach the other host, as far as the bound goes.
                    #expect(flooded > SourceTable.Most.near / 2, "host \(index + 1): \(flooded)")
                    #expect(flooded < SourceTable.Most.near + 50, "host \(index + 1): \(flooded)")
                    #expect(try await world.rows(of: world.red, on: index) == quiet[index])
                    let ofPass = try await world.loops[index].networks.survey(of: [], toCompare: [world.red.vni])
                    #expect(ofPass.rowsRead == quiet[index], "as a run over it reads them")
                }
                let drops = try await world.loops[0].networks.ports.drops()
                let dropped = try #require(drops[world.blue.vni]?[.sourceLimit])
                #expect(dropped.packets >= UInt64(Self.made - SourceTable.Most.near))
                #expect(dropped.packets <= UInt64(Self.made))
                #expect(drops[world.red.vni]?[.sourceLimit] == nil)
                // A guest of the database is heard all the same, and so is an answer to it.
                #expect(try await world.mesh.underlay.ping(from: attacker, to: far.address, count: 3) >= 2)
                try await world.bring(world.red)

                // With another guest of the node, what the bridge has learned still counts.
                try await world.mesh.want(13, in: world.red, on: 0)
                try await world.bring(world.red)
                _ = try await world.mesh.start(13, in: world.red, on: 0)
                try await world.bring(world.red)
                try flood(try RawPort("eth0", in: attacker.namespace), Self.made..<(2 * Self.made))
                #expect(try await world.rows(of: world.blue, on: 0) < SourceTable.Most.near + 50)
                let later = try await world.loops[0].networks.ports.drops()[world.blue.vni]?[.sourceLimit]
                #expect(try #require(later).packets > dropped.packets, "it goes on where it was")
            }
        }

        @Test func `rows that bridges learn are no events, and those that somebody makes are`() async throws {
            try await withHosts(count: 1) { underlay in
                let host = underlay.hosts[0]
                for line in [
                    "ip link add name cobr100 up type bridge", "ip link add name vnet1 up type veth peer name vnet2",
                    "ip link set dev vnet1 master cobr100", "ip link set dev vnet2 up",
                ] { try await underlay.run(line, in: host.namespace) }
                try await eventually("the port forwards") {
                    try await underlay.run("bridge link show dev vnet1", in: host.namespace).contains("forwarding")
                }
                let listener = try WithinNamespace.run(host.namespacePath) {
                    var everywhere = false
                    return cnetlink_subscribe_routes(1 << 16, &everywhere)
                }
                try #require(listener >= 0)
                defer { close(listener) }
                var lines: [String] = []
                for number in 0..<5000 {
                    let (high, low) = (String(number / 100 + 100).dropFirst(), String(number % 100 + 100).dropFirst())
                    lines.append("fdb add 02:00:00:00:\(high):\(low) dev vnet1 master dynamic\n")
                }
                lines.append("fdb add 02:00:00:00:ff:01 dev vnet1 master static\n")
                try await underlay.run("bridge -force -batch -", input: lines.joined(), in: host.namespace)
                var stations: [MACAddress?] = []
                while true {
                    var isElsewhere = false
                    var bytes = [UInt8](repeating: 0, count: 1 << 16)
                    let length = cnetlink_next(listener, &bytes, bytes.count, &isElsewhere)
                    // A buffer of this size holds less than a tenth of them.
                    #expect(length >= 0, "none was lost")
                    guard length > 0 else { break }
                    for message in try NetlinkMessage.all(in: Array(bytes.prefix(length))) where message.type == 28 {
                        stations.append(try EntryMessage(message.payload).station)
                    }
                }
                #expect(stations == [try MACAddress("02:00:00:00:ff:01")])
            }
        }
    }
}

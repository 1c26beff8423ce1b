import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterStore
@testable import NetNode

/// A network on two hosts whose reconcile loops bring about what is wanted when they are asked to: the gateway and two
/// guests on the first one, a third guest on the other one.
struct PortWorld {
    let mesh: MeshWorld
    let blue: MeshWorld.Network
    let loops: [ReconcileLoop]
    let attacker: NamespaceHosts.Guest
    let victim: NamespaceHosts.Guest
    let far: NamespaceHosts.Guest

    static let gateway = "10.9.0.1"

    var host: NamespaceHosts.Host { mesh.hosts[0] }
    /// The name of the network's namespace.
    var inside: String { "\(host.namespacePrefix)\(blue.vni)" }

    var server: ForgedFrame.Station {
        get throws { .init(.gateway(of: blue.vni), try IPv4Address(Self.gateway)) }
    }

    @discardableResult
    func onHost(_ line: String) async throws -> String { try await mesh.underlay.run(line, in: host.namespace) }

    /// Brings the network on both hosts to what is wanted.
    func bring() async throws {
        for loop in loops {
            let outcome = try await loop.reconcile(.network(blue.vni), .operation)
            #expect(outcome.meshTrouble == nil && outcome.portTrouble == nil && outcome.namespaceFailure == nil)
        }
    }

    /// Sees what comes to the victim, to the guest on the other host and to the gateway.
    func observers() throws -> [RawPort] {
        try [("eth0", victim.namespace), ("eth0", far.namespace), ("gw0", inside)].map { try RawPort($0, in: $1) }
    }

    /// Waits until every observer has seen what the attacker sends now, so that what was sent before has arrived, if
    /// it arrives at all.
    ///
    /// - Returns: All that each has seen.
    func settle(_ wire: RawPort, _ observers: [RawPort]) async throws -> [[[UInt8]]] {
        let station = ForgedFrame.Station(attacker.mac, attacker.address)
        let payload = ForgedFrame.arp(1, of: station, about: try IPv4Address("10.9.0.250"))
        let frame = ForgedFrame.ethernet(from: attacker.mac, ForgedFrame.arp, payload)
        var seen: [[[UInt8]]] = observers.map { _ in [] }
        try await eventually("an honest request arrives everywhere", within: .seconds(10)) {
            try wire.send(frame)
            // Slower than the rate at which requests are dropped.
            try await Task.sleep(for: .milliseconds(20))
            for index in observers.indices { seen[index] += observers[index].frames() }
            return seen.allSatisfy { $0.contains(frame) }
        }
        return seen
    }

    /// The problems of the network that are written down of ports.
    func problems() async throws -> [String] {
        try await mesh.cluster.database.withSession { session in
            try session.query("SELECT message FROM network_problems WHERE what = 'ports' ORDER BY message")
                .map { try $0.only(String.self) }
        }
    }
}

/// Gives a test a network whose guests are plugged in and let in.
///
/// - Parameters:
///   - isSecured: whether the network has port security.
///   - body: what is done there.
/// - Throws: What `body` throws.
func withPorts(isSecured: Bool = true, _ body: @Sendable (PortWorld) async throws -> Void) async throws {
    try await withMesh(hosts: 2, networkNodes: [0]) { mesh in
        let blue = try await mesh.addNetwork("blue", vni: 100)
        try await mesh.cluster.execute("UPDATE networks SET port_security = \(isSecured)")
        for (number, index) in [(11, 0), (12, 0), (13, 1)] { try await mesh.want(number, in: blue, on: index) }
        let tenure = try await mesh.elect(0)
        try await mesh.withLoop(0, tenure: tenure) { first in
            try await mesh.withLoop(1) { second in
                let loops = [first, second]
                for loop in loops { _ = try await loop.reconcile(.network(blue.vni), .operation) }
                let world = PortWorld(
                    mesh: mesh,
                    blue: blue,
                    loops: loops,
                    attacker: try await mesh.start(11, in: blue, on: 0),
                    victim: try await mesh.start(12, in: blue, on: 0),
                    far: try await mesh.start(13, in: blue, on: 1)
                )
                try await world.bring()
                try await body(world)
            }
        }
    }
}

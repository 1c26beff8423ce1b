import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Foundation
import Testing

@testable import NetNode

@Suite struct GratuitousARPTests {
    @Test(arguments: [("gw0", "/run/netns/no-such-namespace"), ("no-such-device", "/proc/self/ns/net")])
    func `a hardware address that cannot be set is an error that says why`(device: String, namespacePath: String) throws
    {
        let mac = try MACAddress("02:63:6f:00:00:05")
        let error = #expect(throws: NamespaceSocket.Failure.self) { try mac.give(to: device, in: namespacePath) }
        let text = error?.description ?? ""
        #expect(text.contains("No such") && text.contains(device == "gw0" ? namespacePath : device), "\(text)")
    }
}

extension NamespaceTests {
    @Suite(.serialized) struct GatewayGratuitousARPTests {
        @Test func `a gateway that is yet to be made is no failure, and it is sent once it is made`() async throws {
            try await withMesh(hosts: 1, networkNodes: [0]) { mesh in
                let network = try await mesh.addNetwork("blue", vni: 100)
                let host = mesh.hosts[0]
                let gate = Gate(namespace: host.namespacePath, logger: .silent)
                try await gate.close()
                let tenure = Tenure(lease: "test", term: 1, holder: .new(), until: .now + .seconds(60))
                #expect(try await gate.open(under: tenure))
                try await mesh.passEverywhere()
                let guest = try await mesh.start(11, in: network, on: 0)
                let wire = try RawPort("eth0", in: guest.namespace)
                let namespaces = NamespaceReconciler(
                    prefix: host.namespacePrefix,
                    namespace: host.namespacePath,
                    logger: .silent
                )
                try await namespaces.openGates(under: tenure)
                #expect(try !namespaces.sendGratuitousARP(for: network.vni), "there is no namespace")
                // As `ip netns add` leaves it for a moment.
                let name = namespaces.name(network.vni).path
                #expect(FileManager.default.createFile(atPath: name, contents: nil))
                #expect(try !namespaces.sendGratuitousARP(for: network.vni), "its name is there already")
                try FileManager.default.removeItem(atPath: name)
                try await mesh.underlay.run("ip netns add \(namespaces.name(network.vni))", in: host.namespace)
                #expect(try !namespaces.sendGratuitousARP(for: network.vni), "there is no gateway in it")

                let wanted = NamespaceWanted(
                    vni: network.vni,
                    mtu: try MTU(1450),
                    address: try IPv4Address("10.9.0.1"),
                    prefixLength: 24
                )
                #expect(try await namespaces.pass([wanted]).isEmpty)
                let gateway = wanted.address
                try await eventually("the guest receives a gratuitous ARP", within: .seconds(5)) {
                    wire.frames().contains { GuestFrame.isGratuitousARP($0, of: gateway) }
                }
                #expect(try namespaces.sendGratuitousARP(for: network.vni))
                try await eventually("and again", within: .seconds(5)) {
                    wire.frames().contains { GuestFrame.isGratuitousARP($0, of: gateway) }
                }
            }
        }
    }
}

import ClusterOps
import Testing

@testable import NetNode

@Suite struct AnnouncementTests {
    @Test(arguments: [("gw0", "/run/netns/no-such-namespace"), ("no-such-device", "/proc/self/ns/net")])
    func `what cannot be announced says why, and names it`(device: String, namespacePath: String) throws {
        let mac = try MACAddress("02:63:6f:00:00:05")
        let error = #expect(throws: NamespaceSocket.Failure.self) { try mac.give(to: device, in: namespacePath) }
        let text = error?.description ?? ""
        #expect(text.contains("No such") && text.contains(device == "gw0" ? namespacePath : device), "\(text)")
    }
}

import ClusterModel
import ClusterOpsTestKit
import ClusterStore

@testable import NetNode

/// Speaks DHCP for any number of guests, over the wire: as a relay, in the namespace of one that has an address.
struct LeaseClient: Sendable {
    private static let server = NamespaceSocket.Place(
        address: IPv4Address(rawValue: 0x0a09_0001),
        port: DHCPMessage.serverPort
    )

    private let own: IPv4Address
    private let asking: NamespaceSocket
    private let listening: NamespaceSocket

    init(_ guest: NamespaceHosts.Guest) throws {
        own = guest.address
        asking = try NamespaceSocket(in: "/run/netns/\(guest.namespace)")
        listening = try NamespaceSocket(in: "/run/netns/\(guest.namespace)")
        try listening.take(at: .init(address: own, port: DHCPMessage.serverPort), from: Self.server)
    }

    /// Asks for an address.
    func discover(_ mac: MACAddress, transaction: UInt32 = 1) throws {
        try asking.send(DHCPMessage.discover(mac, by: own, transaction: transaction).bytes, to: Self.server)
    }

    /// Takes an address, as a guest that remembers it after a restart; a known one is acknowledged at once.
    func request(_ address: IPv4Address, for mac: MACAddress) throws {
        var bytes = DHCPMessage.discover(mac, by: own, transaction: 2).bytes
        bytes[242] = 3
        try asking.send(bytes.dropLast() + [50, 4] + address.octets + [255], to: Self.server)
    }

    /// Renews the guest's own lease, by unicast from its own address, and waits a second for the acknowledgement.
    static func renew(_ mac: MACAddress, of guest: NamespaceHosts.Guest) async throws -> Bool {
        let socket = try NamespaceSocket(in: "/run/netns/\(guest.namespace)")
        try socket.take(at: .init(address: guest.address, port: 68), from: server)
        var message = DHCPMessage(.discover, transaction: .random(in: .min ... .max), mac: mac)
        message.client = guest.address
        var bytes = message.bytes
        bytes[242] = 3
        try socket.send(bytes, to: server)
        for _ in 0..<1000 {
            // The first option says what it is, 5 an acknowledgement.
            while let answer = socket.receive() {
                if answer.count > 242, answer[4..<8] == bytes[4..<8], answer[240..<243] == [53, 1, 5] { return true }
            }
            try await Task.sleep(for: .milliseconds(1))
        }
        return false
    }

    /// The address that is offered to somebody; nil when nothing has come.
    func offer() -> DHCPMessage? {
        while let bytes = listening.receive() {
            if let answer = DHCPMessage(answer: bytes), answer.kind == .offer { return answer }
        }
        return nil
    }
}

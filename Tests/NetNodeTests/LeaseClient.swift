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
        try send(3, mac, [50, 4] + address.octets)
    }

    /// Gives somebody's lease back.
    func release(_ address: IPv4Address, for mac: MACAddress) throws {
        let lease = LeaseFile.Lease(mac: mac, address: address)
        let message = DHCPMessage.release(lease, to: Self.server.address, transaction: 3)
        try asking.send(message.bytes, to: Self.server)
    }

    /// Says of somebody's address that it is in use by another one.
    func decline(_ address: IPv4Address, for mac: MACAddress) throws {
        try send(4, mac, [54, 4] + Self.server.address.octets + [50, 4] + address.octets)
    }

    /// The kind of an answer to a request, by the value of option 53.
    enum Answer: UInt8 {
        case acknowledgement = 5
        case refusal = 6
    }

    /// Requests an address, and waits a second for the answer.
    func answer(
        toRequestOf address: IPv4Address,
        for mac: MACAddress,
        clientID: [UInt8] = []
    ) async throws -> Answer? {
        let name = clientID.isEmpty ? [] : [61, UInt8(clientID.count)] + clientID
        try send(3, mac, [50, 4] + address.octets + name)
        for _ in 0..<1000 {
            while let answer = listening.receive() {
                guard answer.count > 242, answer[28..<34].elementsEqual(mac.octets) else { continue }
                return Answer(rawValue: answer[242])
            }
            try await Task.sleep(for: .milliseconds(1))
        }
        return nil
    }

    private func send(_ kind: UInt8, _ mac: MACAddress, _ options: [UInt8]) throws {
        var bytes = DHCPMessage.discover(mac, by: own, transaction: 2).bytes
        bytes[242] = kind
        try asking.send(bytes.dropLast() + options + [255], to: Self.server)
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

import ArgumentParser
import ClusterModel
import ClusterOpsTestKit
import Foundation

/// Frames of a hostile guest, for the demo: it sends them, and the demo sees what came of it.
@main struct GuestAttack: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guest-attack",
        abstract: "Send what a hostile guest might send, from a guest's network namespace.",
        subcommands: [RouterAdvertisement.self, Tunnel.self, StolenAddress.self]
    )
}

/// The guest that attacks.
private struct Attacker: ParsableArguments {
    @Option(help: "The name of its network namespace.") var namespace: String
    @Option(help: "Its hardware address.", transform: { try MACAddress($0) }) var mac: MACAddress

    func port() throws -> RawPort { try RawPort("eth0", in: namespace) }
}

private struct RouterAdvertisement: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send a router advertisement to all nodes: a prefix, and a default route through the guest."
    )

    @OptionGroup var attacker: Attacker

    func run() async throws { try attacker.port().send(GuestFrame.routerAdvertisement(from: attacker.mac)) }
}

private struct Tunnel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send a VXLAN datagram to a hypervisor, with a datagram to a guest of another network inside."
    )

    @OptionGroup var attacker: Attacker
    @Option(help: "The guest's address.", transform: { try IPv4Address($0) }) var address: IPv4Address
    @Option(help: "The hardware address of the hypervisor's bridge.", transform: { try MACAddress($0) })
    var bridge: MACAddress
    @Option(help: "The hypervisor's underlay address.", transform: { try IPv4Address($0) }) var node: IPv4Address
    @Option(help: "The VNI of the other network.", transform: { try VNI($0) }) var vni: VNI
    @Option(help: "The hardware address of the other network's guest.", transform: { try MACAddress($0) })
    var victimMAC: MACAddress
    @Option(help: "Its address.", transform: { try IPv4Address($0) }) var victim: IPv4Address

    private static let vxlan: UInt16 = 4789
    /// A port on which nobody listens: the victim's kernel counts what arrives there.
    private static let closed: UInt16 = 7777

    func run() async throws {
        let inner = GuestFrame.datagram(
            from: (attacker.mac, address),
            to: (victimMAC, victim, Self.closed),
            Array("injected".utf8)
        )
        let outer = GuestFrame.datagram(
            from: (attacker.mac, address),
            to: (bridge, node, Self.vxlan),
            GuestFrame.vxlan(vni, inner)
        )
        try attacker.port().send(outer)
    }
}

private struct StolenAddress: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send from somebody else's hardware address, again and again, so that bridges learn it here.",
        discussion: "Prints how many frames to that address arrived meanwhile."
    )

    @OptionGroup var attacker: Attacker
    @Option(help: "The guest's address.", transform: { try IPv4Address($0) }) var address: IPv4Address
    @Option(help: "The hardware address that is stolen.", transform: { try MACAddress($0) }) var stolen: MACAddress
    @Option(help: "How long.") var seconds = 3

    func run() async throws {
        let port = try attacker.port()
        let frame = GuestFrame.whoHas(address, from: stolen, at: address)
        let target = Array(frame[6..<12])
        var captured = 0
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            try port.send(frame)
            // The pace of the attack: a bridge that learned the address here is told so again before the gateway, which
            // answers pings every 0.2 s, can be learned at its own port.
            try await Task.sleep(for: .milliseconds(10))
            // A frame of its own, such as the answer to the gateway's ARP probe, is seen here too.
            captured += port.frames().count { frame in
                Array(frame.prefix(6)) == target && Array(frame.dropFirst(6).prefix(6)) != attacker.mac.octets
            }
        }
        print(captured)
    }
}

import ClusterModel
import Glibc

/// The largest datagrams that the underlay carries to other nodes, compared with what networks need of it.
enum UnderlayMTU {
    /// The bytes that VXLAN puts before a guest's packet on its way over IPv4: the inner Ethernet header, then those of
    /// VXLAN, UDP and IP.
    static let overhead = 50
    /// Other nodes that are looked up for all networks of a pass: nearly always one device leads to all of them.
    private static let mostPeers = 256

    /// Returns what is wrong with the MTU of each network, by network; nil where nothing is known to be wrong.
    static func problems(_ networks: [MeshWanted.Network]) -> [NetworkID: String?] {
        var carried: [IPv4Address: Int] = [:]
        for network in networks {
            for peer in network.flood.sorted() where carried[peer] == nil && carried.count < mostPeers {
                carried[peer] = path(from: network.local, to: peer)
            }
        }
        return Dictionary(networks.map { ($0.id, problem($0, carried)) }) { first, _ in first }
    }

    /// Returns what is wrong with the MTU of a network, by what the paths to its other nodes carry; nil where nothing
    /// is known to be wrong.
    static func problem(_ network: MeshWanted.Network, _ carried: [IPv4Address: Int]) -> String? {
        let needed = network.mtu.rawValue + overhead
        let narrow = network.flood.sorted().compactMap { peer in carried[peer].map { (peer: peer, mtu: $0) } }
            .filter { $0.mtu < needed }
        guard let (peer, mtu) = narrow.min(by: { $0.mtu < $1.mtu }) else { return nil }
        return "its MTU of \(network.mtu) needs \(needed) on the underlay, and the path to \(peer) carries \(mtu)"
            + " (to \(narrow.count) of \(network.flood.count) nodes too little): give the network an MTU of"
            + " \(mtu - overhead) or less, or the underlay a larger one"
    }

    /// Asks the kernel for the MTU of the path that its routes choose, and that it has learned of; sends nothing.
    ///
    /// - Returns: Nil when there is no route, or this node has not the address `local`.
    private static func path(from local: IPv4Address, to peer: IPv4Address) -> Int? {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return nil }
        defer { close(socket) }
        guard SocketName(local, port: 0).lend({ bind(socket, $0, $1) }) == 0,
            SocketName(peer, port: port).lend({ connect(socket, $0, $1) }) == 0
        else { return nil }
        var (mtu, length) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
        guard getsockopt(socket, Int32(IPPROTO_IP), IP_MTU, &mtu, &length) == 0 else { return nil }
        return Int(mtu)
    }

    /// Any will do: to connect a datagram socket only looks the route up.
    private static let port: UInt16 = 4789
}

import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import Foundation

/// Hosts that are network namespaces of this machine, joined by an underlay that is one too; no frame leaves them.
///
/// Host *n* has the address 192.0.2.*n* (TEST-NET-1) on its device `under0`, MTU 1500, and Debian's settings, as a
/// hypervisor has them that was just installed: what guests could do to such a one has to show here.
package struct NamespaceHosts: Sendable {
    /// The reason why this machine cannot have any; nil when it can.
    package static var unavailability: String? {
        geteuid() == 0 ? nil : "network namespaces need root, and this is user \(geteuid())"
    }

    /// A host of the underlay.
    package struct Host: Sendable, Hashable {
        /// From 1.
        package let number: Int
        /// The name of its network namespace.
        package let namespace: String
        /// Its address in the underlay.
        package let address: IPv4Address

        /// The beginning of the names of the namespaces that the host itself makes; a VNI follows.
        package var namespacePrefix: String { NamespaceNames.prefix(within: namespace) }

        /// The namespace's file, for those who enter it.
        package var namespacePath: String { "/run/netns/\(namespace)" }
    }

    /// The mark by which a hypervisor says whose a port is.
    package enum PortMark: Sendable, Hashable {
        /// An alias that names the interface.
        case alias(InterfaceID)
        /// The guest's hardware address with `fe` as its first octet, as libvirt makes taps.
        case tap
        case none
    }

    /// A guest: a namespace whose one device `eth0` is plugged into a bridge of a host.
    package struct Guest: Sendable, Hashable {
        /// The name of its network namespace.
        package let namespace: String
        /// The hardware address of its `eth0`.
        package let mac: MACAddress
        /// The address of its `eth0`.
        package let address: IPv4Address
        let prefixLength: Int
        let mtu: Int
        /// The name of its port on the host.
        package let port: String
        let mark: PortMark
    }

    /// The hosts, in the order of their numbers.
    package let hosts: [Host]
    /// The namespace of the underlay's switch: the bridge `ubr`, to which host *n* is joined by `port`*n*.
    package var switchNamespace: String { names.underlay }
    private let names: NamespaceNames
    private let guests = Locked(0)

    private init(hosts: [Host], names: NamespaceNames) {
        self.hosts = hosts
        self.names = names
    }

    /// Runs a command, its words separated by single spaces, in a namespace; it has to succeed.
    @discardableResult
    package func run(_ line: String, input: String = "", in namespace: String) async throws -> String {
        let words = line.split(separator: " ").map(String.init)
        precondition(!words.isEmpty, "a command has a program")
        return try await HostTool.run(words[0], Array(words.dropFirst()), input: input, namespace: namespace)
    }

    // MARK: Guests

    /// Makes a guest and plugs it into the bridge of a network, which the host must have.
    package func addGuest(
        to host: Host,
        vni: VNI,
        mac: MACAddress,
        address: IPv4Address,
        prefixLength: Int = 24,
        mtu: Int = 1450,
        mark: PortMark = .tap
    ) async throws -> Guest {
        let number = guests.update { count in
            count += 1
            return count
        }
        let guest = Guest(
            namespace: names.guest(number),
            mac: mac,
            address: address,
            prefixLength: prefixLength,
            mtu: mtu,
            port: "cotap\(number)",
            mark: mark
        )
        try await names.makeSilent(guest.namespace)
        try await plug(guest, into: host, vni: vni)
        return guest
    }

    /// Plugs a guest into the bridge of a network on a host, with a new `eth0`; it leaves where it was.
    ///
    /// It sends a gratuitous ARP, as a hypervisor does for a guest that it has started or moved.
    package func plug(_ guest: Guest, into host: Host, vni: VNI) async throws {
        _ = try await HostTool.output("ip", ["-n", guest.namespace, "link", "del", "dev", "eth0"])
        let cable = """
            link add name eth0 mtu \(guest.mtu) type veth peer name \(guest.port) netns \(host.namespace)
            link set dev eth0 address \(guest.mac)
            addr add \(guest.address)/\(guest.prefixLength) dev eth0

            """
        try await HostTool.run("ip", ["-n", guest.namespace, "-batch", "-"], input: cable)
        let rest = guest.mac.description.dropFirst(2)
        // One in 64 of the addresses that the kernel chooses begins as a tap's does.
        let mark =
            switch guest.mark {
            case .alias(let interface): " address 06\(rest) alias clusterops:\(interface)"
            case .tap: " address fe\(rest)"
            case .none: " address 06\(rest)"
            }
        // Without an IPv6 address of its own: a guest counts the frames that it gets.
        let port = "link set dev \(guest.port) mtu \(guest.mtu) addrgenmode none\(mark) master cobr\(vni) up\n"
        try await HostTool.run("ip", ["-n", host.namespace, "-batch", "-"], input: port)
        try await run("ip link set dev eth0 up", in: guest.namespace)
        // The kernel tells the bridge of the carrier up to a second later; what is sent before is lost.
        try await eventually("\(guest.port) forwards") {
            try await run("bridge link show dev \(guest.port)", in: host.namespace).contains("state forwarding")
        }
        // With arp_notify, the kernel sends a gratuitous ARP when the address is set, also when it is the same.
        try await run("ip link set dev eth0 address \(guest.mac)", in: guest.namespace)
    }

    /// Sends pings of `bytes` that no router may take apart, and waits up to a second for each answer.
    ///
    /// - Returns: How many were answered.
    package func ping(from guest: Guest, to address: IPv4Address, count: Int = 1, bytes: Int = 56) async throws -> Int {
        let output = try await HostTool.output(
            "ping",
            ["-n", "-c", "\(count)", "-i", "0.01", "-W", "1", "-s", "\(bytes)", "-M", "do", "\(address)"],
            namespace: guest.namespace
        )
        let words = output.text.split(whereSeparator: \.isWhitespace)
        guard let index = words.firstIndex(of: "received,"), index > 0, let received = Int(words[index - 1]) else {
            throw HostTool.Failure(description: "ping said: \(output.text) \(output.complaint)")
        }
        return received
    }

    /// Sends pings as fast as they are answered, and some thousands a second at least.
    ///
    /// - Returns: how many were answered.
    package func flood(from guest: Guest, to address: IPv4Address, count: Int) async throws -> Int {
        let output = try await run("ping -n -f -i 0.0002 -q -c \(count) -W 1 \(address)", in: guest.namespace)
        guard let answers = output.firstMatch(of: /([0-9]+) received/), let received = Int(answers.1) else {
            throw HostTool.Failure(description: "ping said: \(output)")
        }
        return received
    }

    /// Sends pings at a pace whatever becomes of them, and tells which were answered.
    ///
    /// - Returns: the numbers of those that were, from 1.
    package func pings(
        from guest: Guest,
        to address: IPv4Address,
        count: Int,
        every pace: Duration
    ) async throws -> [Int] {
        let milliseconds = max(2, pace / .milliseconds(1))
        let output = try await HostTool.output(
            "ping",
            ["-n", "-c", "\(count)", "-i", "\(milliseconds / 1000)", "-W", "1", "\(address)"],
            namespace: guest.namespace
        )
        return output.text.split(separator: "\n").filter { $0.contains("bytes from") }.compactMap { line in
            line.split(separator: " ").first { $0.hasPrefix("icmp_seq=") }.flatMap { Int($0.dropFirst(9)) }
        }
    }

    /// The frames that a device of a namespace has received.
    package func framesReceived(by device: String, in namespace: String) async throws -> Int {
        struct Device: Decodable {
            struct Statistics: Decodable {
                struct Direction: Decodable {
                    let packets: Int
                }
                let rx: Direction
            }
            let stats64: Statistics
        }
        let text = try await HostTool.run("ip", ["-n", namespace, "-j", "-s", "link", "show", "dev", device])
        guard let found = try JSONDecoder().decode([Device].self, from: Data(text.utf8)).first else {
            throw HostTool.Failure(description: "\(namespace) has no \(device)")
        }
        return found.stats64.rx.packets
    }

    // MARK: Life

    static func make(count: Int, names: NamespaceNames) async throws -> NamespaceHosts {
        precondition((1...100).contains(count), "the underlay has 254 addresses, and a machine its limits")
        try await names.makeSilent(names.underlay)
        // A bridge that snoops says so on every port.
        let bridge = "link add name ubr type bridge mcast_snooping 0\nlink set dev ubr up\n"
        try await HostTool.run("ip", ["-n", names.underlay, "-batch", "-"], input: bridge)
        var hosts: [Host] = []
        for number in 1...count {
            let address = IPv4Address(rawValue: 0xc000_0200 + UInt32(number))
            let host = Host(number: number, namespace: names.host(number), address: address)
            try await names.makeHost(host.namespace)
            let batch = """
                link add name under0 type veth peer name port\(number) netns \(names.underlay)
                addr add \(address)/24 dev under0
                link set dev under0 up

                """
            try await HostTool.run("ip", ["-n", host.namespace, "-batch", "-"], input: batch)
            try await HostTool.run(
                "ip",
                ["-n", names.underlay, "link", "set", "dev", "port\(number)", "master", "ubr", "up"]
            )
            hosts.append(host)
        }
        return NamespaceHosts(hosts: hosts, names: names)
    }
}

/// Gives a test hosts of its own, and removes them, their guests and all their devices afterwards, whatever happens.
///
/// - Parameters:
///   - count: How many, 1 to 100.
///   - body: Receives the hosts.
/// - Returns: What `body` returned.
/// - Throws: What `body` threw, or a failure to make the hosts or to remove them.
@discardableResult
package func withHosts<Result: Sendable>(
    count: Int,
    _ body: @Sendable (NamespaceHosts) async throws -> Result
) async throws -> Result {
    NamespaceNames.sweep()
    let names = NamespaceNames()
    let result: Result
    do {
        result = try await body(try await NamespaceHosts.make(count: count, names: names))
    } catch {
        // What failed is the news; what is left is found by the next sweep.
        try? names.removeAll()
        throw error
    }
    try names.removeAll()
    return result
}

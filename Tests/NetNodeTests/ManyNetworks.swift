import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import MariaDB

/// Networks that two nodes serve in turn, and a third node from which it is seen what their guests notice.
struct ManyNetworks: Sendable {
    static let servers = 0..<2
    static let watcher = 2

    let nodes: NetNodes
    /// The networks that are asked in from the third node.
    let targets: [OverlayProbe.Target]
    /// One more, the last, in which nobody asks: an answer tells bridges, too, where a gateway is.
    let quiet: VNI

    /// How many are asked in.
    var count: Int { targets.count }

    /// Adds networks with a guest each on the third node; none of their netnodes runs yet.
    init(_ count: Int, on nodes: NetNodes) async throws {
        self.nodes = nodes
        let world = nodes.world
        var targets: [OverlayProbe.Target] = []
        for index in 0...count {
            let high = String(UInt8(index / 200 + 16), radix: 16)
            let low = String(UInt8(index % 200 + 16), radix: 16)
            let mac = try MACAddress("02:00:00:\(high):\(low):0b")
            let (network, guest) = (NetworkID.new(), try world.address(11))
            try await world.cluster.execute(
                """
                INSERT INTO networks (id, name, vni, cidr, mtu, dhcp, dns)
                VALUES (\(network), \("n\(index)"), \(1000 + index), '10.9.0.0/24', 1450, TRUE, TRUE)
                """
            )
            try await world.cluster.execute(
                """
                INSERT INTO interfaces (id, network, node, mac, address, hostname)
                VALUES (\(InterfaceID.new()), \(network), \(world.nodes[Self.watcher]), \(mac), \(guest), 'guest')
                """
            )
            for server in Self.servers where index == count {
                try await world.cluster.execute(
                    """
                    INSERT INTO interfaces (id, network, node, mac, address, hostname)
                    VALUES (\(InterfaceID.new()), \(network), \(world.nodes[server]), \(try Self.quietMAC(server)),
                        \(try world.address(21 + server)), \("quiet-\(server)"))
                    """
                )
            }
            targets.append(
                OverlayProbe.Target(
                    vni: try VNI(1000 + index),
                    server: try world.address(1),
                    guest: guest,
                    mac: mac
                )
            )
        }
        quiet = targets.removeLast().vni
        self.targets = targets
    }

    /// Waits until one node serves all of them and everything of the other one's is made but the servers.
    ///
    /// - Returns: the one that serves.
    func settled() async throws -> Int {
        let world = nodes.world
        let leader = try await nodes.elected(within: .seconds(120))
        try await eventually("all networks are served", within: .seconds(120)) {
            try await world.cluster.count("SELECT COUNT(*) FROM applied_state WHERE what = 'dnsmasq'") == count + 1
        }
        try await eventually("both nodes have all tunnels", within: .seconds(120)) {
            try await world.cluster.count("SELECT COUNT(*) FROM applied_state WHERE what = 'mesh'") == 2 * (count + 1)
        }
        let prefix = world.hosts[1 - leader].namespacePrefix
        try await eventually("the other node has all veths", within: .seconds(120)) {
            let names = try FileManager.default.contentsOfDirectory(atPath: "/run/netns")
            guard names.filter({ $0.hasPrefix(prefix) }).count == count + 1 else { return false }
            let veths = try await world.underlay.run("ip -o link show", in: world.hosts[1 - leader].namespace)
            return veths.split(separator: "\n").filter { $0.contains(" cogw") && $0.contains(",UP") }.count == count + 1
        }
        return leader
    }

    /// Asks from the third node.
    func probe(_ pace: OverlayProbe.Pace) async throws -> OverlayProbe {
        let hosts = nodes.world.hosts
        let probe = try OverlayProbe(
            on: hosts[Self.watcher],
            peers: Self.servers.map { hosts[$0] },
            targets: targets,
            pace: pace
        )
        try await answered(probe, after: .now)
        return probe
    }

    /// Waits until every network has answered both questions.
    func answered(_ probe: OverlayProbe, after moment: ContinuousClock.Instant) async throws {
        for question in OverlayObservation.Question.allCases {
            try await eventually("every network answers for its \(question)", within: .seconds(60)) {
                probe.soFar.firstAnswered(question, after: moment).count == count
            }
        }
    }
}

extension ManyNetworks {
    private static let pace: Duration = .milliseconds(20)

    private static func quietMAC(_ server: Int) throws -> MACAddress { try MACAddress("02:00:00:ff:00:0\(server)") }

    /// A guest of the quiet network on each of the two nodes: until gratuitous ARP is sent for the gateway, their
    /// bridges know it elsewhere.
    func quietGuests() async throws -> [NamespaceHosts.Guest] {
        let world = nodes.world
        var guests: [NamespaceHosts.Guest] = []
        for server in Self.servers {
            let guest = try await world.underlay.addGuest(
                to: world.hosts[server],
                vni: quiet,
                mac: try Self.quietMAC(server),
                address: try world.address(21 + server)
            )
            guests.append(guest)
            try await eventually("the gateway answers") {
                try await world.underlay.ping(from: guest, to: try world.address(1)) == 1
            }
        }
        return guests
    }

    /// Pings the gateway from guests for a while.
    ///
    /// - Returns: the longest time in which none was answered, of each guest.
    func longestLoss(of guests: [NamespaceHosts.Guest], for duration: Duration) async throws -> [Duration] {
        let count = Int(duration / Self.pace)
        return try await withThrowingTaskGroup(of: Duration.self) { group in
            for guest in guests {
                group.addTask {
                    let numbers = try await nodes.world.underlay.pings(
                        from: guest,
                        to: try nodes.world.address(1),
                        count: count,
                        every: Self.pace
                    )
                    let known = [0] + numbers + [count + 1]
                    return Self.pace * (zip(known, known.dropFirst()).map { $1 - $0 - 1 }.max() ?? count)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// Waits until every network has been asked both questions twenty times more.
    func sampled(_ probe: OverlayProbe) async throws {
        let before = probe.soFar.samples.count
        try await eventually("enough has been asked") {
            probe.soFar.samples.count >= before + 20 * OverlayObservation.Question.allCases.count * count
        }
    }
}

/// Figures of some networks, for whoever reads the output of a test.
func figures(_ durations: some Collection<Duration>) -> String {
    let sorted = durations.sorted()
    guard let least = sorted.first, let most = sorted.last else { return "of none" }
    func milliseconds(_ duration: Duration) -> String { "\(Int(duration / .milliseconds(1))) ms" }
    return "of \(sorted.count): least \(milliseconds(least)), median \(milliseconds(sorted[sorted.count / 2])), "
        + "most \(milliseconds(most))"
}

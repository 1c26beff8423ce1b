import ClusterModel
import ClusterOpsTestKit
import Foundation
import Testing

@testable import NetNode

extension NamespaceTests {
    /// The gate inside each namespace, which stands while somebody takes the node's rules away.
    @Suite(.serialized) struct NamespaceGateTests {
        /// The longest run of pings without an answer that a busy machine may lose.
        private static let mostLost = 5

        @Test func `a flush of a candidate's rules cuts no guest from the gateway, and lets no second one answer`()
            async throws
        {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                for index in 0..<2 { try await world.want(11 + index, in: blue, on: index) }
                for index in 0..<2 { try await nodes.start(index) }
                let candidate = 1 - (try await nodes.elected())
                try await nodes.meshed(blue)
                let guest = try await world.start(11 + candidate, in: blue, on: candidate)
                let gateway = try world.address(1)
                try await eventually("the gateway answers") {
                    try await world.underlay.ping(from: guest, to: gateway) == 1
                }
                let wire = try RawPort("eth0", in: guest.namespace)
                let question = GuestFrame.whoHas(gateway, from: guest.mac, at: guest.address)
                let count = 200
                async let answered = world.underlay.pings(
                    from: guest,
                    to: gateway,
                    count: count,
                    every: .milliseconds(20)
                )
                var (asked, replies) = (0, 0)
                for _ in 0..<6 {
                    try await world.underlay.run("nft flush ruleset", in: world.hosts[candidate].namespace)
                    for _ in 0..<60 {
                        try wire.send(question)
                        asked += 1
                        // Real time has to pass: the node's gate is away for a moment only, and is asked in it.
                        try await Task.sleep(for: .milliseconds(5))
                        for frame in wire.frames() {
                            if GuestFrame.isReply(frame, of: gateway) { replies += 1 }
                            // The guest's own kernel asks too.
                            if GuestFrame.isQuestion(frame, about: gateway) && frame != question { asked += 1 }
                        }
                    }
                }
                #expect(replies > 0 && replies <= asked, "\(replies) answers to \(asked) questions")
                let numbers = [0] + (try await answered) + [count + 1]
                let gap = zip(numbers, numbers.dropFirst()).map { $1 - $0 - 1 }.max() ?? count
                #expect(gap <= Self.mostLost, "\(gap) pings in a row were not answered")
            }
        }

        @Test(arguments: [true, false])
        func `it keeps packets and ARP from coming in and from going out, each by itself`(isOpen: Bool) async throws {
            try await withHosts(count: 1) { underlay in
                let host = underlay.hosts[0]
                let name = NamespaceName(prefix: host.namespacePrefix, try VNI(100))
                let addresses = try [1, 2, 3].map { try IPv4Address("10.9.0.\($0)") }
                let macs = try [1, 2, 3].map { try MACAddress("02:00:00:00:00:0\($0)") }
                try await underlay.run("ip netns add \(name)", in: host.namespace)
                try await underlay.run("nft -f -", input: NamespaceGate.script, in: "\(name)")
                for line in [
                    "sysctl -q -w net.ipv4.conf.all.arp_notify=1",
                    "ip link add name gw0 address \(macs[0]) type veth peer name cogw100 netns \(host.namespace)",
                    "ip addr add \(addresses[0])/24 dev gw0", "ip link set dev gw0 up",
                ] { try await underlay.run(line, in: "\(name)") }
                try await underlay.run("ip link set dev cogw100 up", in: host.namespace)
                func set(isOpen: Bool) async throws {
                    try await underlay.run(
                        "ip link set dev gw0 group \(NamespaceGate.group(isOpen: isOpen))",
                        in: "\(name)"
                    )
                }
                let port: UInt16 = 9471
                let (inside, outside) = (try UDPPort(port, in: "\(name)"), try RawPort("cogw100", in: host.namespace))
                let target = (mac: macs[0], address: addresses[0], port: port)
                /// Sends a datagram either way.
                func exchange(_ text: String) throws {
                    let payload = Array(text.utf8)
                    try outside.send(GuestFrame.datagram(from: (macs[1], addresses[1]), to: target, payload))
                    // Refused where the gate is closed.
                    try? inside.send(payload, to: addresses[2].rawValue, port: port)
                }
                func has(_ text: String, _ frames: [[UInt8]]) -> Bool {
                    frames.contains { $0.suffix(text.utf8.count).elementsEqual(text.utf8) }
                }
                try await set(isOpen: isOpen)
                // First, because the kernel then forgets its neighbours.
                try macs[0].give(to: "gw0", in: name.path)
                let neighbour = "\(addresses[2]) lladdr \(macs[2]) dev gw0"
                try await underlay.run("ip neigh replace \(neighbour)", in: "\(name)")
                try outside.send(GuestFrame.whoHas(addresses[0], from: macs[1], at: addresses[1]))
                try exchange("first")
                // What was sent before has arrived then, if it arrives at all.
                try await set(isOpen: true)
                var (received, seen): ([[UInt8]], [[UInt8]]) = ([], [])
                try await eventually("both directions are open") {
                    try exchange("later")
                    received += inside.datagrams()
                    seen += outside.frames()
                    return has("later", received) && has("later", seen)
                }
                let asked = try await underlay.run("ip neigh show dev gw0", in: "\(name)")
                #expect(asked.contains("\(addresses[1]) ") == isOpen, "ARP in")
                #expect(has("first", received) == isOpen, "packets in")
                #expect(seen.contains { GuestFrame.isGratuitousARP($0, of: addresses[0]) } == isOpen, "ARP out")
                #expect(has("first", seen) == isOpen, "packets out")
            }
        }

        @Test func `it is open on the elected node alone, a new network's too, and damage to it is repaired`()
            async throws
        {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                for index in 0..<2 {
                    // The networks of this test come without an operation: maintenance makes them.
                    try await nodes.start(index, environment: ["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "5s"])
                }
                let leader = try await nodes.elected()
                let places = world.hosts.map { "\($0.namespacePrefix)100" }
                @Sendable func isOpen(_ place: String) async throws -> Bool {
                    try await world.underlay.run("ip link show dev gw0", in: place).contains("group 4711")
                }
                @Sendable func rules(_ place: String) async throws -> String {
                    try await world.underlay.run("nft list ruleset", in: place)
                }
                try await eventually("both have it") {
                    // The candidate may not have the namespace yet.
                    let (one, other) = (try? await rules(places[0]), try? await rules(places[1]))
                    return one == other && one?.contains("table arp cogate") == true
                }
                #expect(try await isOpen(places[leader]))
                #expect(try await !isOpen(places[1 - leader]))
                let whole = try await rules(places[0])
                for (place, index) in [(places[leader], leader), (places[1 - leader], 1 - leader)] {
                    for damage in [
                        "nft flush ruleset", "nft delete table arp cogate", "nft flush chain inet cogate postrouting",
                        "nft insert rule inet cogate input accept",
                        "ip link set dev gw0 group \(index == leader ? "default" : "4711")",
                    ] {
                        try await world.underlay.run(damage, in: place)
                        try await eventually("\(damage) on \(index) is repaired", within: .seconds(5)) {
                            let open = try await isOpen(place)
                            return try await rules(place) == whole && open == (index == leader)
                        }
                    }
                }
                let red = try await world.addNetwork("red", vni: 200)
                try await world.want(12, in: red, on: 0)
                for (index, host) in world.hosts.enumerated() {
                    try await eventually("a new network on \(index)", within: .seconds(60)) {
                        let there = try? await isOpen("\(host.namespacePrefix)200")
                        return there == (index == leader)
                    }
                }
                // What is taken over is opened, and what a killed leader has left open is closed at its next start.
                try nodes.program(leader).signal(SIGKILL)
                _ = try await nodes.elected(above: try await nodes.term())
                try await eventually("the other one's are open") { try await isOpen(places[1 - leader]) }
                #expect(try await isOpen(places[leader]), "nobody was there to close it")
                try await nodes.start(leader)
                try await eventually("closed") { try await !isOpen(places[leader]) }
            }
        }
    }
}

import ChildProcess
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import Testing

@testable import NetNode

/// A node with two networks of the same addresses, and a host outside; namespaces, rules and packets are real.
struct EgressWorld: Sendable {
    let underlay: NamespaceHosts
    let namespaces: NamespaceReconciler
    let egress: EgressReconciler
    let gate: Gate
    /// What outside and the guests serve by HTTP.
    let directory: String
    /// The commands that the reconcilers have started.
    let commands: Locked<[HostCommand]>
    /// What each command waits for before it is run.
    let delay = Locked<(@Sendable (HostCommand) async throws -> Void)?>(nil)
    private let started = Locked<[SupervisedChild]>([])

    fileprivate init(_ underlay: NamespaceHosts, directory: String, bridge: String?) throws {
        let (commands, delay) = (Locked<[HostCommand]>([]), delay)
        self.commands = commands
        self.underlay = underlay
        self.directory = directory
        let node = underlay.hosts[0]
        namespaces = NamespaceReconciler(
            prefix: node.namespacePrefix,
            namespace: node.namespacePath,
            runner: HostCommandRunner { command in
                commands.update { $0.append(command) }
                try await delay.value?(command)
                return try await command.output()
            },
            logger: .silent
        )
        egress = EgressReconciler(
            namespaces: namespaces,
            bridge: try bridge.map { try LinkName($0) },
            logger: .silent
        )
        gate = Gate(namespace: node.namespacePath, logger: .silent)
    }

    static let outsideAddress = "203.0.113.1"
    static let floats = ["203.0.113.15", "203.0.113.25"]
    static let own = ["203.0.113.10", "203.0.113.20"]
    static let networks = [0, 1]

    var node: NamespaceHosts.Host { underlay.hosts[0] }
    var outside: NamespaceHosts.Host { underlay.hosts[1] }

    func vni(_ index: Int) throws -> VNI { try VNI(100 * (index + 1)) }
    func inside(_ index: Int) throws -> NamespaceName { namespaces.name(try vni(index)) }

    func address(_ number: Int) throws -> IPv4Address { try IPv4Address("10.9.0.\(number)") }

    /// A network's egress; floats lead to guests by the last octets of their addresses.
    func wanted(
        _ index: Int,
        floats: [String: Int] = [:],
        own: String? = nil,
        ports: [String: [String]] = [:],
        refusals: EgressRefusals = EgressRefusals()
    ) throws -> EgressWanted {
        var pairs: [IPv4Address: IPv4Address] = [:]
        for (float, number) in floats { pairs[try IPv4Address(float)] = try address(number) }
        return EgressWanted(
            network: .new(),
            vni: try vni(index),
            cidr: try CIDR("10.9.0.0/24"),
            generation: 1,
            external: try CIDR("203.0.113.0/24"),
            gateway: try IPv4Address(Self.outsideAddress),
            address: try IPv4Address(own ?? Self.own[index]),
            floats: pairs,
            ports: Dictionary(
                uniqueKeysWithValues: try ports.map { float, ports in
                    (try IPv4Address(float), try ports.map { try FloatingPort($0) })
                }
            ),
            refusals: refusals
        )
    }

    /// Both networks with NAT, and the guest 10.9.0.12 of each with its float.
    func both() throws -> [EgressWanted] {
        try Self.networks.map { try wanted($0, floats: [Self.floats[$0]: 12]) }
    }

    /// A pass that has to reach what is wanted.
    @discardableResult
    func pass(_ wanted: [EgressWanted]) async throws -> EgressReconciler.Pass {
        let pass = try await egress.pass(.init(.init(wanted)))
        #expect(pass.failures.isEmpty, "\(pass.failures)")
        return pass
    }

    func open() async throws {
        let tenure = Tenure(lease: "test", term: 1, holder: .new(), until: .now + .seconds(600))
        try await namespaces.openGates(under: tenure)
        #expect(try await gate.open(under: tenure))
    }

    /// Starts a guest that knows its gateway, and serves its name by HTTP.
    func guest(_ number: Int, in index: Int) async throws -> NamespaceHosts.Guest {
        let guest = try await underlay.addGuest(
            to: node,
            vni: try vni(index),
            mac: try MACAddress("02:00:00:00:0\(index):\(number)"),
            address: try address(number)
        )
        try await underlay.run("ip route add default via 10.9.0.1", in: guest.namespace)
        try await serve(Self.name(number, index), in: guest.namespace)
        return guest
    }

    /// What a guest serves.
    static func name(_ number: Int, _ index: Int) -> String { "guest-\(number)-of-\(index)" }

    // MARK: Programs

    /// Runs a program to its end.
    func run(_ words: [String], in namespace: String) async throws -> (exit: ChildExit, text: String) {
        let child = try await start(words, in: namespace)
        return (try await child.exit, child.standardOutput.text)
    }

    /// Starts a program that is ended with the world.
    @discardableResult
    func start(_ words: [String], in namespace: String) async throws -> SupervisedChild {
        let child = try await SupervisedChild.start(
            ChildSpecification(
                executable: words[0],
                arguments: Array(words.dropFirst()),
                environment: ["PATH": ChildSpecification.standardPath, "LANG": "C.UTF-8"],
                networkNamespace: "/run/netns/\(namespace)",
                standardOutput: .collect(limit: 1 << 20, keeping: .head)
            )
        )
        started.update { $0.append(child) }
        return child
    }

    /// Serves a text as /name, and as /cgi-bin/who the address that asks.
    fileprivate func serve(_ text: String, in namespace: String) async throws {
        let home = "\(directory)/\(text)"
        try FileManager.default.createDirectory(atPath: "\(home)/cgi-bin", withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(home)/name"))
        let script = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n%s' \"$REMOTE_ADDR\"\n"
        try Data(script.utf8).write(to: URL(fileURLWithPath: "\(home)/cgi-bin/who"))
        chmod("\(home)/cgi-bin/who", 0o755)
        try await start(["busybox", "httpd", "-f", "-p", "0.0.0.0:80", "-h", home], in: namespace)
    }

    /// What is served at an address; nil when nobody answers.
    func get(_ path: String, at address: String, from namespace: String) async throws -> String? {
        // Debian's busybox wget dies of a fault in a namespace like these.
        let request = "printf 'GET /\(path) HTTP/1.0\\r\\n\\r\\n' | timeout 2 busybox nc -w 1 \(address) 80"
        let answer = try await run(["sh", "-c", request], in: namespace).text
        guard answer.hasPrefix("HTTP/1.1 200 "), let end = answer.firstRange(of: "\r\n\r\n") else { return nil }
        return String(answer[end.upperBound...])
    }

    /// As whom a guest is seen outside; nil when it does not get there.
    func seen(_ guest: NamespaceHosts.Guest, at address: String = outsideAddress) async throws -> String? {
        try await get("cgi-bin/who", at: address, from: guest.namespace)
    }

    /// Whose name is served at an address, seen from outside.
    func reached(_ address: String) async throws -> String? {
        try await get("name", at: address, from: outside.namespace)
    }

    func answersPing(_ address: String, from namespace: String) async throws -> Bool {
        try await run(["ping", "-n", "-c", "1", "-W", "1", address], in: namespace).exit.isSuccess
    }

    fileprivate func endAll() async {
        for child in started.value { await child.terminate(grace: .zero) }
    }
}

/// Gives a test the world, without guests and with the gate closed; networks are 100, 200 and so on.
func withEgress(
    bridge: String? = "xbr",
    networks: Int = 2,
    _ body: @Sendable (EgressWorld) async throws -> Void
) async throws {
    try await withHosts(count: 2) { underlay in
        let directory = "/tmp/\(underlay.hosts[0].namespace)-egress"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let world = try EgressWorld(underlay, directory: directory, bridge: bridge)
        let (node, outside) = (world.node.namespace, world.outside.namespace)
        try await world.gate.close()
        try await connectOutside(underlay, [node], to: outside)
        var wanted: [NamespaceWanted] = []
        for index in 0..<networks {
            let vni = try world.vni(index)
            try await underlay.run("ip link add name cobr\(vni) type bridge mcast_snooping 0", in: node)
            try await underlay.run("ip link set dev cobr\(vni) up", in: node)
            wanted.append(
                NamespaceWanted(vni: vni, mtu: try MTU(1450), address: try world.address(1), prefixLength: 24)
            )
        }
        let all = wanted
        #expect(try await world.namespaces.pass(all).isEmpty)
        do {
            try await world.serve("outside", in: outside)
            try await body(world)
        } catch {
            await world.endAll()
            throw error
        }
        await world.endAll()
    }
}

/// Gives each node a bridge `xbr` that leads to a host outside, whose address is 203.0.113.1/24.
func connectOutside(_ underlay: NamespaceHosts, _ nodes: [String], to outside: String) async throws {
    try await underlay.run("ip link add name segment type bridge mcast_snooping 0", in: outside)
    try await underlay.run("ip addr add \(EgressWorld.outsideAddress)/24 dev segment", in: outside)
    try await underlay.run("ip link set dev segment up", in: outside)
    for (number, node) in nodes.enumerated() {
        try await underlay.run("ip link add name xbr type bridge mcast_snooping 0", in: node)
        try await underlay.run("ip link set dev xbr up", in: node)
        let cable = "ip link add name xport type veth peer name out\(number) netns \(outside)"
        try await underlay.run(cable, in: node)
        try await underlay.run("ip link set dev xport master xbr up", in: node)
        try await underlay.run("ip link set dev out\(number) master segment up", in: outside)
        try await eventually("the external bridge's uplink forwards") {
            let here = try await underlay.run("bridge link show dev xport", in: node)
            let there = try await underlay.run("bridge link show dev out\(number)", in: outside)
            return [here, there].allSatisfy { $0.contains("state forwarding") }
        }
    }
}

extension NamespaceReconciler {
    /// Brings namespaces to what is wanted, from what the kernel has now.
    func pass(_ wanted: [NamespaceWanted]) async throws -> [VNI: any Error] {
        try await pass(
            wanted,
            from: try await HostSurvey.take(in: namespace, names: wanted.map { name($0.vni) }, rows: .none)
        )
    }
}

import ChildProcess
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import NetNode
import Testing

/// Networks whose namespaces, guests and frames are real, and whose wanted state is made up by the test.
struct ServerWorld: Sendable {
    /// The first is the node, with the bridges; each other one is the namespace of a network.
    let underlay: NamespaceHosts
    /// For the files of all networks.
    let directory: String

    static let firstUser: uid_t = 0x7000_0000
    static let server = "10.9.0.1"

    func vni(_ index: Int = 0) throws -> VNI { try VNI(100 + index) }

    func credentials(_ index: Int = 0) throws -> Credentials {
        .server(of: try vni(index), firstUser: Self.firstUser)
    }

    func namespace(_ index: Int = 0) -> NamespaceHosts.Host { underlay.hosts[index + 1] }

    /// A guest by the last octet of its address, 10.9.0.0/24.
    func host(_ number: Int, mac: Int? = nil, name: String? = nil) throws -> ServerWanted.Host {
        ServerWanted.Host(
            mac: try self.mac(mac ?? number),
            address: try IPv4Address("10.9.0.\(number)"),
            hostname: try HostName(name ?? "guest-\(number)")
        )
    }

    func mac(_ number: Int) throws -> MACAddress { try MACAddress("02:00:00:00:00:\(number < 10 ? "0" : "")\(number)") }

    func wanted(
        _ hosts: [ServerWanted.Host],
        network index: Int = 0,
        mtu: Int = 1450,
        domain: String? = "guests.example",
        dhcp: Bool = true,
        dns: Bool = true,
        gateway: Bool = true
    ) throws -> ServerWanted {
        ServerWanted(
            id: .new(),
            name: try NetworkName("n\(index)"),
            vni: try vni(index),
            cidr: try CIDR("10.9.0.0/24"),
            mtu: try MTU(mtu),
            domain: try domain.map { try DomainName($0) },
            servesDHCP: dhcp,
            servesDNS: dns,
            givesGateway: gateway,
            generation: 1,
            hosts: hosts
        )
    }

    func networkServer(_ index: Int = 0, upstream: UpstreamServers = UpstreamServers()) throws -> NetworkServer {
        NetworkServer(
            vni: try vni(index),
            namespacePath: namespace(index).namespacePath,
            directory: "\(directory)/\(try vni(index))",
            credentials: try credentials(index),
            upstream: upstream,
            logger: .silent
        )
    }

    func servers() -> NetworkServers {
        NetworkServers(
            stateDirectory: directory,
            namespacePath: { vni in
                let index = vni.rawValue - 99
                return underlay.hosts.indices.contains(index) ? underlay.hosts[index].namespacePath : "/run/netns/none"
            },
            firstUser: Self.firstUser,
            logger: .silent
        )
    }

    /// Starts a guest; it has the address that goes with the MAC from the start, so that it can ask for names.
    func guest(_ number: Int, in index: Int = 0) async throws -> NamespaceHosts.Guest {
        try await underlay.addGuest(
            to: underlay.hosts[0],
            vni: try vni(index),
            mac: try mac(number),
            address: try IPv4Address("10.9.0.\(number)")
        )
    }

    /// What the network's server answers to a question.
    func lookUp(_ name: String, from guest: NamespaceHosts.Guest) async throws -> String {
        try await run(["busybox", "nslookup", name, Self.server], in: guest.namespace).text
    }

    private func run(_ words: [String], in namespace: String) async throws -> (exit: ChildExit, text: String) {
        let child = try await start(words, in: namespace)
        return (try await child.exit, child.standardOutput.text)
    }

    /// Holds a TCP connection to the server, and begins again when it could not be made: on a busy machine a port may
    /// not forward yet.
    var patientClient: [String] {
        let fifo = "\(directory)/client"
        return ["sh", "-c", "mkfifo \(fifo); until busybox nc \(Self.server) 53 <> \(fifo); do sleep 0.1; done"]
    }

    /// Starts a program in a namespace; all that comes of it ends with it, and with the test.
    func start(_ words: [String], in namespace: String) async throws -> SupervisedChild {
        try await SupervisedChild.start(
            ChildSpecification(
                executable: words[0],
                arguments: Array(words.dropFirst()),
                environment: ["PATH": ChildSpecification.standardPath, "LANG": "C.UTF-8"],
                networkNamespace: "/run/netns/\(namespace)",
                hasProcessNamespace: true,
                standardOutput: .collect(limit: 1 << 20, keeping: .head)
            )
        )
    }

    /// The processes that were started with a configuration in this world's directory, and live.
    func serverProcesses() -> [pid_t] {
        ProcFile.commandLines().filter { $0.text.hasPrefix("dnsmasq\0--conf-file=\(directory)/") }.map(\.pid)
    }
}

/// Gives a test a node with the bridges and namespaces of networks 100, 101…, each 10.9.0.0/24.
func withServers(networks: Int = 1, _ body: @Sendable (ServerWorld) async throws -> Void) async throws {
    try await withHosts(count: 1 + networks) { underlay in
        let directory = "/tmp/\(underlay.hosts[0].namespace)-servers"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        chmod(directory, 0o755)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let world = ServerWorld(
            underlay: underlay,
            directory: directory
        )
        // For a test that failed before it ended what it had started.
        defer { for pid in world.serverProcesses() { kill(pid, SIGKILL) } }
        let node = underlay.hosts[0].namespace
        for index in 0..<networks {
            let (vni, namespace) = (try world.vni(index), world.namespace(index).namespace)
            // As a netnode makes them: silent but for IPv4, inside and outside.
            for place in [node, namespace] {
                try await underlay.run("sysctl -q -e -w net.ipv6.conf.default.disable_ipv6=1", in: place)
            }
            for line in [
                "ip link add name cobr\(vni) type bridge mcast_snooping 0", "ip link set dev cobr\(vni) up",
                "ip link add name cogw\(vni) type veth peer name gw0 netns \(namespace)",
                "ip link set dev cogw\(vni) master cobr\(vni) up",
            ] {
                try await underlay.run(line, in: node)
            }
            try await underlay.run("ip addr add \(ServerWorld.server)/24 dev gw0", in: namespace)
            try await underlay.run("ip link set dev gw0 up", in: namespace)
        }
        try await body(world)
    }
}

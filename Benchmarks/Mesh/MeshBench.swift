import ArgumentParser
import ClusterModel
import ClusterOpsTestKit
import Logging
import MariaDB
import NetNode

/// Measures what a pass over the mesh costs beside one `bridge -batch` of the same entries, made by hand.
///
/// A ratio within one run, because a shared machine does to one side what it does to the other. Needs root, for a
/// network namespace of its own.
@main struct MeshBench: AsyncParsableCommand {
    /// What the pass may cost: it also reads the database, the devices and the entries, and reads back.
    private static let bound = 3.0

    static let configuration = CommandConfiguration(
        commandName: "clusterops-bench-mesh",
        abstract: "Measures a pass that makes all entries of a network from nothing.",
        discussion: "Exit codes: 0 the ratio is within its bound, 1 it is not. Debug builds are too slow for it."
    )

    @Option(help: "Entries of the network.") var entries = 1000
    @Option(help: "How often it is measured; the median counts.") var runs = 9

    func validate() throws {
        guard (100...50_000).contains(entries), (1...1000).contains(runs) else {
            throw ValidationError("100 to 50,000 entries, 1 to 1,000 runs")
        }
    }

    func run() async throws {
        if let reason = NamespaceHosts.unavailability { throw ValidationError(reason) }
        let (entries, runs) = (entries, runs)
        let ratio = try await withCluster { cluster in
            try await withHosts(count: 1) { underlay in
                try await Self.measure(entries, runs, cluster, underlay)
            }
        }
        guard ratio <= Self.bound else { throw ExitCode(1) }
    }

    private static func measure(
        _ entries: Int,
        _ runs: Int,
        _ cluster: TestCluster,
        _ underlay: NamespaceHosts
    ) async throws -> Double {
        let host = underlay.hosts[0]
        try await fill(cluster, address: host.address, guests: entries)
        let node = try NodeName("h1")
        let reconciler = MeshReconciler(
            namespace: host.namespacePath,
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
        )
        /// As a run of netnode does it: what is wanted, what the kernel has, and then the difference.
        func onePass() async throws -> MeshPass {
            let wanted = try await NodeWanted.read(on: node, in: cluster.database)
            let survey = try await HostSurvey.take(in: host.namespacePath, names: [], rows: .all)
            return try await reconciler.pass(wanted.mesh, from: survey)
        }
        var (passes, idle, byHand): ([Duration], [Duration], [Duration]) = ([], [], [])
        let clock = ContinuousClock()
        for _ in 0..<runs {
            let start = clock.now
            let pass = try await onePass()
            passes.append(clock.now - start)
            let made = pass.changes.filter(\.isOfEntries)
            guard pass.hasConverged, made.count >= entries else {
                throw ClusterOpsError(.internalFailure, "the pass made \(made.count) entries: \(pass.trouble)")
            }
            idle.append(try await clock.measure { _ = try await onePass() })
            // By hand: into a tunnel that is as new, by the same lines.
            try await underlay.run("ip link del dev covx100", in: host.namespace)
            let tunnel = "ip link add name covx100 type vxlan id 100 local \(host.address) dstport 4789 nolearning"
            try await underlay.run(tunnel, in: host.namespace)
            let lines = made.map { $0.batchLine + "\n" }.joined()
            byHand.append(
                try await clock.measure {
                    try await underlay.run("bridge -force -batch -", input: lines, in: host.namespace)
                }
            )
            try await underlay.run("ip link del dev covx100", in: host.namespace)
            try await underlay.run("ip link del dev cobr100", in: host.namespace)
        }
        let ratio = median(passes) / median(byHand)
        print("entries \(entries), runs \(runs), medians:")
        print("  a pass from nothing \(median(passes)), one that finds nothing to do \(median(idle))")
        print("  the same entries by one bridge -batch \(median(byHand)), ratio \(ratio), at most \(bound)")
        return ratio
    }

    private static func median(_ times: [Duration]) -> Duration { times.sorted()[times.count / 2] }

    /// A network of which this node hosts one guest, and ten nodes that exist in the database only the others.
    private static func fill(_ cluster: TestCluster, address: IPv4Address, guests: Int) async throws {
        try await cluster.database.withTransaction { transaction in
            let (network, here) = (NetworkID.new(), NodeID.new())
            try transaction.execute(
                """
                INSERT INTO networks (id, name, vni, cidr, mtu, dhcp, dns)
                VALUES (\(network), 'blue', 100, '10.0.0.0/8', 1450, TRUE, TRUE)
                """
            )
            try transaction.execute(
                """
                INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
                VALUES (\(here), 'h1', \(address), TRUE, FALSE)
                """
            )
            let peers = (0..<10).map { _ in NodeID.new() }
            for (number, peer) in peers.enumerated() {
                try transaction.execute(
                    """
                    INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
                    VALUES (\(peer), \("peer-\(number)"), \(IPv4Address(rawValue: 0xc633_6401 + UInt32(number))),
                        TRUE, FALSE)
                    """
                )
            }
            try transaction.session.executeBatch(Array(0...guests)) { number in
                let octets = [number / 256, number % 256].map { String(256 + $0, radix: 16).dropFirst() }
                let mac = "02:01:00:00:" + octets.joined(separator: ":")
                return """
                    INSERT INTO interfaces (id, network, node, mac, address, hostname)
                    VALUES (\(InterfaceID.new()), \(network), \(number == 0 ? here : peers[number % 10]), \(mac),
                        \(IPv4Address(rawValue: 0x0a00_0100 + UInt32(number))), \("guest-\(number)"))
                    """
            }
        }
    }
}

import ClusterOpsTestKit
import Foundation
import Glibc
import MariaDB
import Testing

@testable import ClusterReports

/// Gives a test a cluster of which nothing is to be found: a server as a production has it, nodes with their daemons,
/// the first of them elected, and a network that it serves.
func withSoundCluster(
    nodes: [String] = ["h1"],
    _ body: @Sendable (TestCluster) async throws -> Void
) async throws {
    let server = try PrivateServer(options: ["--innodb-flush-log-at-trx-commit=1"])
    defer { server.destroy() }
    try await withCluster(on: server) { cluster in
        for node in nodes {
            try await cluster.addNode(node)
            for daemon in ["queueworker", "netnode"] { try await cluster.addWorker(daemon, on: node) }
        }
        try await cluster.elect(nodes[0], term: 1)
        try await cluster.addNetwork("blue")
        for node in nodes { try await cluster.record("mesh", of: "blue", by: node, generation: 1, term: 0) }
        try await cluster.record("dnsmasq", of: "blue", by: nodes[0], generation: 1, term: 1)
        try await body(cluster)
    }
}

/// A run of `doctor`, whatever its exit code.
struct DoctorRun {
    let view: DoctorView

    init(_ cluster: TestCluster) async throws {
        let run = try await cluster.clusterctl("doctor", "-o", "json")
        view = try JSONDecoder().decode(DoctorView.self, from: Data(run.output.utf8))
        #expect(run.status == (view.healthy ? 0 : 1))
    }
}

extension TestCluster {
    /// Lets all sessions name a port of this machine, at which somebody listens or nobody does.
    func ringAtAClosedPort(open: Bool, _ body: @Sendable (String) async throws -> Void) async throws {
        let listener = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(listener, $0, length)
                _ = getsockname(listener, $0, &length)
            }
        }
        if !open { close(listener) }
        defer { if open { close(listener) } }
        let address = "127.0.0.1:\(UInt16(bigEndian: name.sin_port))"
        try await execute("UPDATE sessions SET doorbell = \(address)")
        try await body(address)
    }
}

import ChildProcess
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import MariaDB
import Testing

extension NamespaceTests {
    /// No dnsmasq outlives its `netnode`, whatever that was doing when it was killed.
    @Suite(.serialized, .tags(.long)) struct NetNodeDeathTests {
        /// What the elected node is in the middle of.
        enum Moment: CaseIterable, Sendable {
            case restart, removal, loss, handOver, stop
        }

        private func holdConnection(of guest: NamespaceHosts.Guest) async throws -> SupervisedChild {
            let fifo = "/tmp/\(guest.namespace)-client"
            // Again when it could not be made: a port may not forward yet.
            let script = "rm -f \(fifo); mkfifo \(fifo); until busybox nc 10.9.0.1 53 <> \(fifo); do sleep 0.1; done"
            return try await SupervisedChild.start(
                ChildSpecification(
                    executable: "sh",
                    arguments: ["-c", script],
                    environment: ["PATH": ChildSpecification.standardPath],
                    networkNamespace: "/run/netns/\(guest.namespace)",
                    hasProcessNamespace: true
                )
            )
        }

        @Test func `what a dnsmasq has forked for a guest's connection dies with its netnode too, 20 of 20`()
            async throws
        {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                try await nodes.start(0)
                _ = try await nodes.elected()
                let guest = try await world.start(11, in: blue, on: 0)
                defer { unlink("/tmp/\(guest.namespace)-client") }
                var gone = 0
                for turn in 0..<20 {
                    if turn > 0 {
                        try await world.cluster.execute("UPDATE leases SET holder = NULL, holder_node = NULL")
                        try await nodes.start(0)
                    }
                    let program = try nodes.program(0)
                    try await eventually("it serves") { program.log.contains("serving the networks") }
                    let client = try await holdConnection(of: guest)
                    try await eventually("dnsmasq has a process for the guest") { nodes.servers(0).count == 2 }
                    program.signal(SIGKILL)
                    #expect(try await program.end() == -SIGKILL)
                    try await eventually("no process of dnsmasq is left") { nodes.servers(0).isEmpty }
                    gone += 1
                    await client.terminate(grace: .zero)
                }
                #expect(gone == 20)
                print("netnode killed beside a guest's connection: \(gone) of 20 dnsmasqs gone with all they forked")
            }
        }

        @Test(arguments: Moment.allCases)
        func `a netnode that is killed in the middle of something leaves no dnsmasq, 12 of 12`(
            moment: Moment
        ) async throws {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                var gone = 0
                for turn in 0..<12 {
                    try await world.cluster.execute("UPDATE leases SET holder = NULL, holder_node = NULL")
                    try await world.cluster.execute("DELETE FROM networks")
                    for number in 0..<4 { _ = try await world.addNetwork("n\(number)", vni: 100 + number) }
                    let program = try await nodes.start(0)
                    try await eventually("it serves") {
                        program.log.contains("serving the networks") && nodes.servers(0).count == 4
                    }
                    let servers = Set(nodes.servers(0))
                    try await begin(moment, nodes, program)
                    // From the first process that changes on, each turn a little later.
                    if moment != .stop {
                        while Set(nodes.servers(0)) == servers, program.isRunning { await Task.yield() }
                    }
                    for _ in 0..<turn { await Task.yield() }
                    program.signal(SIGKILL)
                    _ = try await program.end()
                    try await eventually("no dnsmasq is left") { nodes.servers(0).isEmpty }
                    gone += 1
                }
                #expect(gone == 12)
                print("netnode killed in the middle of a \(moment): \(gone) of 12 times no dnsmasq is left")
            }
        }

        private func begin(_ moment: Moment, _ nodes: NetNodes, _ program: RunningProgram) async throws {
            let cluster = nodes.world.cluster
            switch moment {
            case .restart, .removal:
                let connection = ClusterConnection(cluster.configuration, requester: "test", logger: .silent)
                let inventory = Inventory(connection)
                for number in 0..<4 {
                    let name = try NetworkName("n\(number)")
                    if moment == .restart {
                        _ = try await inventory.changeNetwork(name, NetworkChange(mtu: try MTU(1400)))
                    } else {
                        _ = try await inventory.removeNetwork(name)
                    }
                }
                await connection.close()
            case .loss:
                try await cluster.execute(
                    """
                    UPDATE leases SET holder = \(SessionID.new()), holder_node = 'other', term = term + 1,
                        renewals = renewals + 1, renewed_at = NOW(6), expires_at = NOW(6) + INTERVAL 20 SECOND
                    """
                )
            case .handOver: program.signal(SIGTERM)
            case .stop: program.signal(SIGSTOP)
            }
        }
    }
}

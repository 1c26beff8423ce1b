import ChildProcess
import ClusterModel
import ClusterOpsTestKit
import Foundation
import NetNode
import Testing

extension NamespaceTests {
    /// A server that was taken over reaches nothing of another network's.
    @Suite(.serialized) struct ServerIsolationTests {
        /// Runs a line of shell as the server of a network: its user, its capabilities, its namespaces.
        private func succeeds(_ line: String, as index: Int, in world: ServerWorld) async throws -> Bool {
            let child = try await SupervisedChild.start(
                ChildSpecification(
                    executable: "sh",
                    arguments: ["-c", line],
                    environment: ["PATH": ChildSpecification.standardPath],
                    networkNamespace: world.namespace(index).namespacePath,
                    hasProcessNamespace: true,
                    credentials: try world.credentials(index)
                )
            )
            return try await child.exit.isSuccess
        }

        @Test func `a server reads its own memory and files, and neither another server's nor may it end it`()
            async throws
        {
            try await withServers(networks: 2) { world in
                let servers = [try world.networkServer(0), try world.networkServer(1)]
                for (index, server) in servers.enumerated() {
                    #expect(
                        try await server.bring(to: world.wanted([world.host(11)], network: index)) == .started
                    )
                }
                for (index, server) in servers.enumerated() {
                    let pid = try #require(await server.pid)
                    let directory = "\(world.directory)/\(try world.vni(index))"
                    let lines =
                        ["exec 3<>/proc/\(pid)/mem", "ls /proc/\(pid)/fd/"]
                        + ["leases", "hosts", "names", "dnsmasq.conf"].map { "cat \(directory)/\($0)" }
                    for line in lines {
                        #expect(try await succeeds(line, as: index, in: world), "\(line)")
                        #expect(try await !succeeds(line, as: 1 - index, in: world), "\(line)")
                    }
                    #expect(try await !succeeds("ls \(directory)", as: 1 - index, in: world))
                    #expect(try await !succeeds("echo x >\(directory)/hosts", as: index, in: world))
                    #expect(try await !succeeds("kill -9 \(pid)", as: 1 - index, in: world))
                    #expect(await server.pid == pid)
                }
                for server in servers { await server.stop() }
            }
        }

        @Test func `files of before that everybody could read are closed at the next start`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let wanted = try world.wanted([world.host(11)])
                #expect(try await server.bring(to: wanted) == .started)
                await server.stop()
                let directory = "\(world.directory)/100"
                #expect(chmod(directory, 0o755) == 0 && chown(directory, 0, 0) == 0)
                #expect(try await server.bring(to: wanted) == .started)
                var status = stat()
                #expect(stat(directory, &status) == 0)
                #expect(status.st_mode & 0o777 == 0o750 && status.st_gid == ServerWorld.firstUser + 100)
                await server.stop()
            }
        }
    }
}

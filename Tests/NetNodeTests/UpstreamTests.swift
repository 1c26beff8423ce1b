import ChildProcess
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import NetNode
import Testing

extension NamespaceTests {
    /// Whom a network's server asks for names that are not its own.
    @Suite struct UpstreamTests {
        private func upstream(_ guest: NamespaceHosts.Guest, _ world: ServerWorld) async throws -> SupervisedChild {
            let options = [
                "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--no-resolv", "--no-hosts",
                "--user=root",
                "--group=root", "--bind-interfaces", "--listen-address=\(guest.address)",
                "--address=/world.example/198.51.100.7", "--address=/guests.example/198.51.100.66",
                "--address=/single/198.51.100.66",
            ]
            let child = try await world.start(["dnsmasq"] + options, in: guest.namespace)
            try await eventually("the upstream server answers") {
                let words = ["busybox", "nslookup", "world.example", "\(guest.address)"]
                let client = try await world.start(words, in: guest.namespace)
                _ = try await client.exit
                return client.standardOutput.text.contains("198.51.100.7")
            }
            return child
        }

        @Test func `other names are asked of the upstream server, and the network's own never are`() async throws {
            try await withServers { world in
                let (guest, other) = (try await world.guest(11), try await world.guest(53))
                let child = try await upstream(other, world)
                let wanted = try world.wanted([world.host(11)])
                let server = try world.networkServer(upstream: [other.address])
                #expect(try await server.bring(to: wanted) == .started)
                let answer = try await world.lookUp("a.world.example", from: guest)
                #expect(answer.contains("Address: 198.51.100.7"), "\(answer)")
                let own = try await world.lookUp("guest-11.guests.example", from: guest)
                #expect(own.contains("10.9.0.11") && !own.contains("198.51.100"), "\(own)")
                for name in ["guest-99.guests.example", "single", "10.9.0.99"] {
                    let answer = try await world.lookUp(name, from: guest)
                    #expect(answer.contains("NXDOMAIN") && !answer.contains("198.51.100"), "\(name): \(answer)")
                }
                await server.stop()
                await child.terminate(grace: .zero)
            }
        }

        @Test
        func `without an upstream server other names are refused at once, and one that is dead harms no own name`()
            async throws
        {
            try await withServers { world in
                let guest = try await world.guest(11)
                let wanted = try world.wanted([world.host(11)])
                let alone = try world.networkServer()
                #expect(try await alone.bring(to: wanted) == .started)
                #expect(try await world.lookUp("a.world.example", from: guest).contains("REFUSED"))
                await alone.stop()
                let server = try world.networkServer(upstream: [try IPv4Address("10.9.0.200")])
                #expect(try await server.bring(to: wanted) == .started)
                #expect(try await world.lookUp("guest-11", from: guest).contains("Address: 10.9.0.11"))
                // The probe asks nobody else.
                #expect(try await server.bring(to: wanted) == .nothing)
                await server.stop()
            }
        }
    }
}

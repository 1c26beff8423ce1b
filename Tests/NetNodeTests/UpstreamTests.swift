import ChildProcess
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import NetNode
import Testing

extension NamespaceTests {
    /// Whom a network's server asks for names that are not its own.
    @Suite(.serialized) struct UpstreamTests {
        private func upstream(_ guest: NamespaceHosts.Guest, _ world: ServerWorld) async throws -> SupervisedChild {
            let options = [
                "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--no-resolv", "--no-hosts",
                "--user=root",
                "--group=root", "--bind-interfaces", "--listen-address=\(guest.address)",
                "--address=/world.example/1.2.3.7", "--address=/guests.example/1.2.3.66",
                "--address=/rebind.example/10.9.0.15", "--address=/cloud.example/169.254.169.254",
                "--address=/loop.example/127.0.0.1", "--address=/corp.example/10.9.0.15",
                "--address=/single/1.2.3.66",
            ]
            let child = try await world.start(["dnsmasq"] + options, in: guest.namespace)
            try await eventually("the upstream server answers") {
                let words = ["busybox", "nslookup", "world.example", "\(guest.address)"]
                let client = try await world.start(words, in: guest.namespace)
                _ = try await client.exit
                return client.standardOutput.text.contains("1.2.3.7")
            }
            return child
        }

        @Test func `other names are asked of the upstream server, and the network's own never are`() async throws {
            try await withServers { world in
                let (guest, other) = (try await world.guest(11), try await world.guest(53))
                let child = try await upstream(other, world)
                let wanted = try world.wanted([world.host(11)])
                let upstream = UpstreamServers([other.address], privateDomains: [try DomainName("corp.example")])
                let server = try world.networkServer(upstream: upstream)
                #expect(try await server.bring(to: wanted) == .started)
                let answer = try await world.lookUp("a.world.example", from: guest)
                #expect(answer.contains("Address: 1.2.3.7"), "\(answer)")
                let own = try await world.lookUp("guest-11.guests.example", from: guest)
                #expect(own.contains("10.9.0.11") && !own.contains("1.2.3"), "\(own)")
                for name in ["guest-99.guests.example", "single", "10.9.0.99"] {
                    let answer = try await world.lookUp(name, from: guest)
                    #expect(answer.contains("NXDOMAIN") && !answer.contains("1.2.3"), "\(name): \(answer)")
                }
                for name in ["rebind.example", "cloud.example", "loop.example"] {
                    let answer = try await world.lookUp(name, from: guest)
                    let addresses = ["10.9.0.15", "169.254", "Address: 127.0.0.1"]
                    #expect(!addresses.contains { answer.contains($0) }, "\(name): \(answer)")
                }
                let allowed = try await world.lookUp("www.corp.example", from: guest)
                #expect(allowed.contains("Address: 10.9.0.15"), "\(allowed)")
                await server.stop()
                await child.terminate(grace: .zero)
            }
        }

        @Test
        func `without an upstream server other names do not exist, and one that is dead harms no own name`()
            async throws
        {
            try await withServers { world in
                let guest = try await world.guest(11)
                let wanted = try world.wanted([world.host(11)])
                let alone = try world.networkServer()
                #expect(try await alone.bring(to: wanted) == .started)
                // musl's resolver takes no answer but these two: it waits for 5 s when it is refused.
                for name in ["a.world.example", "org", "guest-99", "9.9.9.9"] {
                    let answer = try await world.lookUp(name, from: guest)
                    #expect(answer.contains("NXDOMAIN"), "\(name): \(answer)")
                }
                for name in ["guest-11", "guest-11.guests.example"] {
                    let answer = try await world.lookUp(name, from: guest)
                    // It asks for an IPv6 address, too: that there is none must not say that there is no such name.
                    #expect(answer.contains("Address: 10.9.0.11") && !answer.contains("NXDOMAIN"), "\(name): \(answer)")
                }
                await alone.stop()
                let server = try world.networkServer(upstream: UpstreamServers([try IPv4Address("10.9.0.200")]))
                #expect(try await server.bring(to: wanted) == .started)
                #expect(try await world.lookUp("guest-11", from: guest).contains("Address: 10.9.0.11"))
                // The probe asks nobody else.
                #expect(try await server.bring(to: wanted) == .nothing)
                await server.stop()
            }
        }
    }
}

import ChildProcess
import ClusterModel
import ClusterOpsTestKit
import Foundation
import NetNode
import Testing

extension NamespaceTests {
    @Suite(.serialized) struct NetworkServerTests {
        @Test func `a known guest gets its address and options, an unknown one gets nothing`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let known = try await world.guest(11)
                let unknown = try await world.guest(12)
                #expect(try await server.bring(to: world.wanted([world.host(11)])) == .started)
                let lease = try #require(try await world.underlay.lease(of: known, tries: 1))
                #expect(lease["ip"] == "10.9.0.11" && lease["subnet"] == "255.255.255.0")
                #expect(lease["mtu"] == "1450" && lease["router"] == "10.9.0.1" && lease["dns"] == "10.9.0.1")
                #expect(lease["domain"] == "guests.example" && lease["hostname"] == "guest-11")
                #expect(lease["lease"] == "3600" && lease["serverid"] == "10.9.0.1")
                #expect(try await world.underlay.lease(of: unknown, tries: 2) == nil)
                #expect(try await server.bring(to: world.wanted([world.host(11)], gateway: false)) == .restarted)
                let without = try #require(try await world.underlay.lease(of: known, tries: 1))
                #expect(without["router"] == nil && without["dns"] == "10.9.0.1" && without["ip"] == "10.9.0.11")
                await server.stop()
                #expect(world.serverProcesses() == [])
            }
        }

        @Test func `a guest that is added is answered as soon as the pass is over, twenty times`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                #expect(try await server.bring(to: world.wanted([])) == .started)
                let pid = await server.pid
                let guest = try await world.guest(11)
                for number in 20..<40 {
                    // The same guest, known under one address after the other.
                    let wanted = try world.wanted([world.host(number, mac: 11)])
                    #expect(try await server.bring(to: wanted) == .reloaded)
                    #expect(try await world.underlay.lease(of: guest, tries: 1)?["ip"] == "10.9.0.\(number)")
                }
                for number in 40..<60 {
                    let hosts = try [world.host(39, mac: 11)] + (40...number).map { try world.host($0) }
                    #expect(try await server.bring(to: world.wanted(hosts)) == .reloaded)
                    let answer = try await world.lookUp("guest-\(number)", from: guest)
                    #expect(answer.contains("Address: 10.9.0.\(number)"), "\(answer)")
                }
                #expect(await server.pid == pid)
                await server.stop()
            }
        }

        @Test func `the address of a guest that went is another's at once`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let (first, second) = (try await world.guest(11), try await world.guest(12))
                #expect(try await server.bring(to: world.wanted([world.host(11)])) == .started)
                let pid = await server.pid
                #expect(try await world.underlay.lease(of: first)?["ip"] == "10.9.0.11")
                #expect(try await server.bring(to: world.wanted([world.host(11, mac: 12)])) == .reloaded)
                #expect(try await world.underlay.lease(of: second, tries: 1)?["ip"] == "10.9.0.11")
                #expect(try await world.underlay.lease(of: first, tries: 1) == nil)
                // One that never had a lease goes as well.
                #expect(
                    try await server.bring(to: world.wanted([world.host(11, mac: 12), world.host(30)])) == .reloaded
                )
                #expect(try await server.bring(to: world.wanted([world.host(11, mac: 12)])) == .reloaded)
                #expect(await server.pid == pid)
                await server.stop()
            }
        }

        @Test func `names resolve before the first lease, forward and back, short and full`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let guest = try await world.guest(11)
                let hosts = try [
                    world.host(11), world.host(12), world.host(13, name: "ignore"), world.host(14, name: "2h"),
                ]
                #expect(try await server.bring(to: world.wanted(hosts)) == .started)
                for (name, number) in [
                    ("guest-12", 12), ("guest-12.guests.example", 12), ("ignore", 13), ("2h.guests.example", 14),
                ] {
                    let answer = try await world.lookUp(name, from: guest)
                    #expect(answer.contains("Address: 10.9.0.\(number)"), "\(name): \(answer)")
                }
                let back = try await world.lookUp("10.9.0.12", from: guest)
                #expect(back.contains("name = guest-12.guests.example"), "\(back)")
                #expect(try await world.lookUp("guest-99", from: guest).contains("NXDOMAIN"))
                // The name that cannot stand in the hosts file reaches its guest all the same.
                let lease = try await world.underlay.lease(of: try await world.guest(13))
                #expect(lease?["ip"] == "10.9.0.13" && lease?["hostname"] == "ignore")
                await server.stop()
            }
        }

        @Test func `nothing new is no signal, another MTU is a restart, no need is a stop`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let wanted = try world.wanted([world.host(11)])
                let guest = try await world.guest(11)
                #expect(try await server.bring(to: wanted) == .started)
                let pid = try #require(await server.pid)
                let hosts = "\(world.directory)/100/hosts"
                let written = try FileManager.default.attributesOfItem(atPath: hosts)[.modificationDate] as? Date
                #expect(try await world.underlay.lease(of: guest)?["mtu"] == "1450")
                for _ in 0..<3 { #expect(try await server.bring(to: wanted) == .nothing) }
                #expect(await server.pid == pid)
                #expect(try FileManager.default.attributesOfItem(atPath: hosts)[.modificationDate] as? Date == written)
                // Not one inotify instance, of which a machine has 128.
                let files = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")
                let targets = files.compactMap {
                    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)")
                }
                #expect(!targets.isEmpty && !targets.contains { $0.contains("inotify") })

                #expect(try await server.bring(to: world.wanted([world.host(11)], mtu: 1400)) == .restarted)
                #expect(await server.pid != pid)
                #expect(try await world.underlay.lease(of: guest, tries: 1)?["mtu"] == "1400")
                for (dhcp, dns) in [(true, false), (false, true)] {
                    let part = try world.wanted([world.host(11)], dhcp: dhcp, dns: dns)
                    #expect(try await server.bring(to: part) == .restarted)
                    let more = try world.wanted([world.host(11), world.host(12)], dhcp: dhcp, dns: dns)
                    #expect(try await server.bring(to: more) == .reloaded)
                    #expect(try await world.lookUp("guest-12", from: guest).contains("10.9.0.12") == dns)
                    #expect(try await (world.underlay.lease(of: guest, tries: 1) != nil) == dhcp)
                }
                let none = try world.wanted([], dhcp: false, dns: false)
                #expect(try await server.bring(to: none) == .stopped)
                #expect(try await server.bring(to: none) == .nothing)
                #expect(world.serverProcesses() == [])
                try await server.remove()
                #expect(!FileManager.default.fileExists(atPath: "\(world.directory)/100"))
            }
        }

        @Test func `damage is repaired: a lost file, an edited one, a device made anew`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let wanted = try world.wanted([world.host(11)])
                #expect(try await server.bring(to: wanted) == .started)
                let directory = "\(world.directory)/100"
                try FileManager.default.removeItem(atPath: "\(directory)/hosts")
                #expect(try await server.bring(to: wanted) == .reloaded)
                try Data("10.9.0.99 evil\n".utf8).write(to: URL(fileURLWithPath: "\(directory)/names"))
                #expect(try await server.bring(to: wanted) == .reloaded)
                try Data("".utf8).write(to: URL(fileURLWithPath: "\(directory)/dnsmasq.conf"))
                #expect(try await server.bring(to: wanted) == .restarted)
                let (node, namespace) = (world.underlay.hosts[0].namespace, world.namespace().namespace)
                try await world.underlay.run("ip link del dev gw0", in: namespace)
                await #expect(throws: ServerError.self) { try await server.bring(to: wanted) }
                #expect(await server.pid == nil)
                for (line, place) in [
                    ("ip link add name cogw100 type veth peer name gw0 netns \(namespace)", node),
                    ("ip link set dev cogw100 master cobr100 up", node),
                    ("ip addr add 10.9.0.1/24 dev gw0", namespace), ("ip link set dev gw0 up", namespace),
                ] {
                    try await world.underlay.run(line, in: place)
                }
                #expect(try await server.bring(to: wanted) == .started)
                #expect(try await world.underlay.lease(of: try await world.guest(11))?["ip"] == "10.9.0.11")
                await server.stop()
            }
        }
    }
}

import ChildProcess
import ClusterModel
import ClusterOpsTestKit
import Foundation
import Testing

@testable import NetNode

extension NamespaceTests {
    /// A server that runs is asked whether it serves.
    @Suite(.serialized) struct ServerProbeTests {
        @Test func `the probe takes no lease, sends no frame, and leaves every address to guests`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                // A network with room for one guest.
                let wanted = ServerWanted(
                    id: .new(),
                    name: try NetworkName("small"),
                    vni: try world.vni(),
                    cidr: try CIDR("10.9.0.0/30"),
                    mtu: try MTU(1450),
                    domain: nil,
                    servesDHCP: true,
                    servesDNS: true,
                    generation: 1,
                    hosts: [try world.host(2)]
                )
                try await world.underlay.run("ip addr flush dev gw0", in: world.namespace().namespace)
                try await world.underlay.run("ip addr add 10.9.0.1/30 dev gw0", in: world.namespace().namespace)
                let guest = try await world.guest(2)
                #expect(try await server.bring(to: wanted) == .started)
                let pid = await server.pid
                let before = try await world.underlay.framesReceived(by: "eth0", in: guest.namespace)
                for _ in 0..<50 { #expect(try await server.bring(to: wanted) == .nothing) }
                #expect(try await world.underlay.framesReceived(by: "eth0", in: guest.namespace) == before)
                let leases = FileManager.default.contents(atPath: "\(world.directory)/100/leases")
                #expect(leases == Data())
                #expect(try await world.underlay.lease(of: guest, tries: 1)?["ip"] == "10.9.0.2")
                #expect(await server.pid == pid)
                await server.stop()
            }
        }

        @Test func `guests renew while the server is asked, and none of their questions goes astray`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let guest = try await world.guest(11)
                let wanted = try world.wanted([world.host(11)])
                #expect(try await server.bring(to: wanted) == .started)
                #expect(try await world.underlay.lease(of: guest) != nil)
                let (isOver, asked) = (Locked(false), Locked(0))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        while !isOver.value {
                            let pass = try await server.bring(to: wanted)
                            #expect(pass == .nothing)
                            asked.update { $0 += 1 }
                        }
                    }
                    // On a busy machine the two take turns of any length: they go on until both have had their share.
                    var renewals = 0
                    while renewals < 300 || (asked.value <= 20 && renewals < 100_000) {
                        let isRenewed = try await LeaseClient.renew(guest.mac, of: guest)
                        #expect(isRenewed, "renewal \(renewals)")
                        renewals += 1
                    }
                    isOver.update { $0 = true }
                    try await group.waitForAll()
                    print("\(renewals) renewals, while the server was asked \(asked.value) times")
                    #expect(asked.value > 20)
                }
                await server.stop()
            }
        }

        @Test(arguments: [(true, true), (true, false), (false, true)])
        func `one that runs and does not answer is ended and started again, and the error says what is silent`(
            dhcp: Bool,
            dns: Bool
        ) async throws {
            try await withServers { world in
                let servers = world.servers()
                servers.open()
                let wanted = try world.wanted([world.host(11)], dhcp: dhcp, dns: dns)
                #expect(try await servers.bring(wanted) == .started)
                let vni = try world.vni()
                let pid = try #require(await servers.running[vni])
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { await servers.run { $0 == wanted.id ? try await servers.bring(wanted) : nil } }
                    kill(pid, SIGSTOP)
                    let error = await #expect(throws: ServerError.self) { try await servers.bring(wanted) }
                    let silent = (dhcp ? ["DHCP"] : []) + (dns ? ["DNS"] : [])
                    #expect(error?.reason == .notAnswering(silent, within: NetworkServer.answerLimit))
                    #expect(error?.description.contains(silent.joined(separator: " and ")) == true)
                    try await eventually("it is back") { servers.restarts == 1 }
                    #expect(await servers.running[vni] != pid)
                    #expect(try await servers.bring(wanted) == .nothing)
                    group.cancelAll()
                }
                await servers.close()
                #expect(world.serverProcesses() == [])
            }
        }

        @Test func `one that has forgotten its guests is found out, told again, and keeps its process`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let guest = try await world.guest(11)
                let wanted = try world.wanted([world.host(11)])
                #expect(try await server.bring(to: wanted) == .started)
                let pid = try #require(await server.pid)
                let hosts = URL(fileURLWithPath: "\(world.directory)/100/hosts")
                let text = try Data(contentsOf: hosts)
                try Data().write(to: hosts)
                kill(pid, SIGHUP)
                try await eventually("it knows nobody") {
                    try await world.underlay.lease(of: guest, tries: 1) == nil
                }
                try text.write(to: hosts)
                #expect(try await server.bring(to: wanted) == .reloaded)
                #expect(try await world.underlay.lease(of: guest, tries: 1)?["ip"] == "10.9.0.11")
                #expect(await server.pid == pid)
                await server.stop()
            }
        }

        @Test(arguments: [true, false])
        func `an offer answers the question whose number it repeats, and no other one`(isAnswer: Bool) async throws {
            try await withServers { world in
                let namespace = world.namespace()
                let address = try IPv4Address(ServerWorld.server)
                let place = NamespaceSocket.Place(address: address, port: DHCPMessage.serverPort)
                let server = try NamespaceSocket(in: namespace.namespacePath)
                try server.take(at: place, from: place)
                let loopback = try RawPort("lo", in: namespace.namespace)
                let mac = try world.mac(11)
                let probe = ServerProbe(
                    namespacePath: namespace.namespacePath,
                    mac: mac,
                    server: address,
                    questions: [.address]
                )
                let asked = Locked(0)
                let unanswered = try await probe.unanswered(within: .milliseconds(100)) {
                    for frame in loopback.frames() {
                        // Behind the headers of Ethernet, IPv4 and UDP; our own offers begin otherwise.
                        let question = Array(frame.dropFirst(14 + 20 + 8))
                        guard question.count > 8, question[0] == 1 else { continue }
                        asked.update { $0 += 1 }
                        let number = question[4..<8].reduce(0) { $0 << 8 | UInt32($1) }
                        var offer = DHCPMessage(.offer, transaction: isAnswer ? number : number &+ 1, mac: mac)
                        offer.server = address
                        try server.send([2] + offer.bytes.dropFirst(), to: place)
                    }
                }
                #expect(asked.value > 0)
                #expect(unanswered == (isAnswer ? [] : [.address]))
            }
        }

        @Test func `a server that starts and is not heard is no server`() async throws {
            try await withServers { world in
                let namespace = world.namespace().namespace
                let table = "table ip test { chain in { type filter hook input priority 0; udp dport 67 drop; }; }\n"
                try await world.underlay.run("nft -f -", input: table, in: namespace)
                let server = try world.networkServer()
                let wanted = try world.wanted([world.host(11)])
                let error = await #expect(throws: ServerError.self) { try await server.bring(to: wanted) }
                #expect(error?.reason == .notAnswering(["DHCP"], within: NetworkServer.answerLimit))
                #expect(await server.pid == nil && world.serverProcesses() == [])
                try await world.underlay.run("nft delete table ip test", in: namespace)
                #expect(try await server.bring(to: wanted) == .started)
                await server.stop()
            }
        }
    }
}

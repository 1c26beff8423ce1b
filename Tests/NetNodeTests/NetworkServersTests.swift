import ChildProcess
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore
@testable import NetNode

extension NamespaceTests {
    @Suite(.serialized) struct NetworkServersTests {
        @Test func `a killed server comes back, also while a guest holds a connection to it`() async throws {
            try await withServers { world in
                let wanted = try world.wanted([world.host(11)])
                let servers = world.servers()
                let guest = try await world.guest(11)
                servers.open()
                #expect(try await servers.bring(wanted) == .started)
                let vni = try world.vni()
                try await withThrowingTaskGroup { group in
                    group.addTask { await servers.run { $0 == wanted.id ? try await servers.bring(wanted) : nil } }
                    let client = try await world.start(
                        world.patientClient,
                        in: guest.namespace
                    )
                    try await eventually("dnsmasq has a process for the client") { world.serverProcesses().count == 2 }
                    let pid = try #require(await servers.running[vni])
                    kill(pid, SIGKILL)
                    try await eventually("it is back") { servers.restarts == 1 }
                    #expect(await servers.running[vni] != pid)
                    // As `service list` shows it: a process that serves, and that had to be started again.
                    let readings = await servers.readings
                    #expect(readings.map(\.service) == ["dnsmasq \(vni)"] && readings.first?.restarts == 1)
                    #expect(readings.first?.state == .running && readings.first?.health == .healthy)
                    #expect((readings.first?.memoryBytes ?? 0) > 100_000)
                    #expect(try await world.underlay.lease(of: guest, tries: 1)?["ip"] == "10.9.0.11")
                    #expect(try await world.lookUp("guest-11", from: guest).contains("Address: 10.9.0.11"))
                    #expect(client.exitIfEnded != nil || world.serverProcesses().count == 1)
                    await client.terminate(grace: .zero)
                    // A restart that is asked for is no death.
                    #expect(try await servers.bring(world.wanted([world.host(12)], mtu: 1400)) == .restarted)
                    #expect(servers.restarts == 1)
                    group.cancelAll()
                }
                await servers.close()
                #expect(await servers.running.isEmpty && world.serverProcesses() == [])
                #expect(await servers.readings.isEmpty)
            }
        }

        @Test func `each process that takes another's place is counted, also where a pass found the other one dead`()
            async throws
        {
            try await withServers { world in
                let wanted = try world.wanted([world.host(11)])
                let servers = world.servers()
                servers.open()
                #expect(try await servers.bring(wanted) == .started)
                kill(try #require(await servers.running[try world.vni()]), SIGKILL)
                try await eventually("it is dead") { world.serverProcesses() == [] }
                #expect(try await servers.bring(wanted) == .started)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { await servers.run { $0 == wanted.id ? try await servers.bring(wanted) : nil } }
                    try await eventually("a death is counted") { servers.restarts == 1 }
                    #expect(await servers.readings.map(\.restarts) == [1])
                    #expect(try await servers.bring(world.wanted([world.host(11)], mtu: 1400)) == .restarted)
                    try await eventually("a change is counted") { await servers.readings.map(\.restarts) == [2] }
                    #expect(servers.restarts == 1, "which is no death")
                    group.cancelAll()
                }
                await servers.close()
                servers.open()
                #expect(try await servers.bring(wanted) == .started)
                #expect(await servers.readings.map(\.restarts) == [2], "a new tenure replaces nobody")
                await servers.close()
            }
        }

        @Test func `a server that cannot come back is tried again until it can`() async throws {
            try await withServers { world in
                let wanted = try world.wanted([world.host(11)])
                let asked = Locked(0)
                let servers = world.servers()
                servers.open()
                #expect(try await servers.bring(wanted) == .started)
                let pid = try #require(await servers.running[try world.vni()])
                let namespace = world.namespace().namespace
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        await servers.run { id in
                            asked.update { $0 += 1 }
                            return id == wanted.id ? try await servers.bring(wanted) : nil
                        }
                    }
                    try await world.underlay.run("ip addr flush dev gw0", in: namespace)
                    kill(pid, SIGKILL)
                    try await eventually("the second attempt has begun") { asked.value >= 2 }
                    #expect(servers.restarts == 0)
                    try await world.underlay.run("ip addr add 10.9.0.1/24 dev gw0", in: namespace)
                    try await eventually("it is back") { servers.restarts == 1 }
                    group.cancelAll()
                }
                // What is closed stays so, whoever still waits to start it again.
                await servers.close()
                #expect(world.serverProcesses() == [])
            }
        }

        @Test func `a connection process of a killed coordinator does not keep the new server from its port`()
            async throws
        {
            try await withServers { world in
                let wanted = try world.wanted([world.host(11)])
                let servers = world.servers()
                let guest = try await world.guest(11)
                servers.open()
                #expect(try await servers.bring(wanted) == .started)
                // The same dnsmasq, but of an owner that does not end its group with it.
                await servers.close()
                let configuration = "--conf-file=\(world.directory)/100/dnsmasq.conf"
                let earlier = try await world.start(
                    ["sh", "-c", "dnsmasq \(configuration); sleep 600"],
                    in: world.namespace().namespace
                )
                try await eventually("it listens") {
                    guard let pid = world.serverProcesses().first else { return false }
                    let table = FileManager.default.contents(atPath: "/proc/\(pid)/net/tcp") ?? Data()
                    return String(decoding: table, as: UTF8.self).contains(":0035 ")
                }
                let client = try await world.start(
                    world.patientClient,
                    in: guest.namespace
                )
                try await eventually("dnsmasq has a process for the client") { world.serverProcesses().count == 2 }
                let first = try #require(world.serverProcesses().min())
                kill(first, SIGKILL)
                try await eventually("only that process is left") { world.serverProcesses().count == 1 }
                servers.open()
                #expect(try await servers.bring(wanted) == .started)
                #expect(try await world.lookUp("guest-11", from: guest).contains("Address: 10.9.0.11"))
                #expect(world.serverProcesses() == [await servers.running[try world.vni()]])
                await client.terminate(grace: .zero)
                await earlier.terminate(grace: .zero)
                await servers.close()
            }
        }

        @Test
        func `a dnsmasq that is left is ended by the next process, in whatever namespace it is, and no other's is`()
            async throws
        {
            try await withServers(networks: 2) { world in
                let servers = world.servers()
                servers.open()
                for index in 0..<2 {
                    #expect(try await servers.bring(world.wanted([world.host(11)], network: index)) == .started)
                }
                await servers.close()
                // What names that network's namespace now is another one.
                let next = NetworkServers(
                    stateDirectory: world.directory,
                    namespacePath: { _ in world.namespace(1).namespacePath },
                    firstUser: ServerWorld.firstUser,
                    logger: .silent
                )
                let line = "dnsmasq --conf-file=\(world.directory)/100/dnsmasq.conf"
                let first = world.namespace(0).namespace
                let ours = try await world.start(["sh", "-c", "\(line); :"], in: first)
                try await eventually("it runs") { world.serverProcesses().count == 1 }
                try await next.endLeftovers()
                #expect(world.serverProcesses() == [])
                let others = try await world.start(["unshare", "-m", "sh", "-c", "\(line); :"], in: first)
                try await eventually("the other one runs") { world.serverProcesses().count == 1 }
                try await next.endLeftovers()
                #expect(world.serverProcesses().count == 1, "a path among other mounts is another file")
                // But in a network's own namespace it is in the way of its server, wherever it comes from.
                try await servers.endLeftovers()
                #expect(world.serverProcesses() == [])
                await ours.terminate(grace: .zero)
                await others.terminate(grace: .zero)
            }
        }

        @Test func `closing in the middle of many starts leaves no server, and opening again brings them all`()
            async throws
        {
            try await withServers(networks: 8) { world in
                let servers = world.servers()
                let all = try (0..<8).map { try world.wanted([world.host(11)], network: $0) }
                await #expect(throws: ServersClosed.self) { try await servers.bring(all[0]) }
                for enough in 0...8 {
                    servers.open()
                    let passes = try await withThrowingTaskGroup(of: ServerPass?.self) { group in
                        for wanted in all {
                            group.addTask {
                                do {
                                    return try await servers.bring(wanted)
                                } catch is ServersClosed {
                                    return nil
                                }
                            }
                        }
                        try await eventually("\(enough) were started") { world.serverProcesses().count >= enough }
                        await servers.close()
                        #expect(world.serverProcesses() == [], "after \(enough)")
                        return try await group.reduce(into: []) { $0.append($1) }
                    }
                    #expect(passes.count == 8 && passes.allSatisfy { $0 == nil || $0 == .started })
                    #expect(world.serverProcesses() == [])
                }
                servers.open()
                for wanted in all { #expect(try await servers.bring(wanted) == .started) }
                #expect(await servers.running.count == 8)
                try await servers.remove(try world.vni(3))
                #expect(await servers.running.count == 7)
                await servers.close()
                #expect(world.serverProcesses() == [])
            }
        }

        @Test func `servers that are needed no more for readiness are there for a tenure that begins at that moment`()
            async throws
        {
            try await withServers(networks: 2) { world in
                let servers = world.servers()
                let all = try (0..<2).map { try world.wanted([world.host(11)], network: $0) }
                var (kept, anew) = (0, 0)
                for turn in 0..<60 {
                    servers.open(for: .readiness)
                    for wanted in all { _ = try await servers.bring(wanted) }
                    let before = Set(world.serverProcesses())
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            for _ in 0..<(turn % 12) { await Task.yield() }
                            await servers.close(for: [.readiness])
                        }
                        group.addTask {
                            for _ in 0..<(11 - turn % 12) { await Task.yield() }
                            servers.open(for: .tenure)
                            for wanted in all { _ = try await servers.bring(wanted) }
                        }
                        try await group.waitForAll()
                    }
                    let after = Set(world.serverProcesses())
                    #expect(after == Set(await servers.running.values) && after.count == 2, "turn \(turn)")
                    if after == before { kept += 1 } else { anew += 1 }
                    await servers.close()
                    #expect(world.serverProcesses() == [])
                }
                print("an end of readiness beside a tenure's beginning: \(kept) times kept, \(anew) times anew")
            }
        }

        @Test func `a network without its namespace is an error that names it, and holds up no other`() async throws {
            try await withServers(networks: 2) { world in
                let servers = world.servers()
                servers.open()
                let passes = await withTaskGroup(of: (Int, Result<ServerPass, any Error>).self) { group in
                    for index in 0..<3 {
                        group.addTask {
                            do {
                                return (index, .success(try await servers.bring(world.wanted([], network: index))))
                            } catch {
                                return (index, .failure(error))
                            }
                        }
                    }
                    return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
                }
                #expect(try passes[0]?.get() == .started && passes[1]?.get() == .started)
                let error = #expect(throws: ServerError.self) { try passes[2]?.get() }
                #expect(error?.reason == .noNamespace(ENOENT))
                let text = "\(try #require(error))"
                #expect(text.contains("network 102") && text.contains("/run/netns/none"), "\(text)")
                await servers.close()
                #expect(world.serverProcesses() == [])
            }
        }
    }

    @Suite(.serialized) struct ServerStatementsTests {
        @Test func `one statement gives the networks with their guests, and those without`() async throws {
            try await withCluster { cluster in
                let (blue, green, node) = (NetworkID.new(), NetworkID.new(), NodeID.new())
                try await cluster.execute(
                    """
                    INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
                    VALUES (\(node), 'h1', '192.0.2.1', TRUE, TRUE)
                    """
                )
                try await cluster.execute(
                    """
                    INSERT INTO networks (id, name, vni, cidr, mtu, domain, dhcp, dns, generation)
                    VALUES (\(blue), 'blue', 100, '10.9.0.0/24', 1450, 'guests.example', TRUE, FALSE, 7),
                        (\(green), 'green', 200, '10.8.0.0/16', 9000, NULL, FALSE, TRUE, 8)
                    """
                )
                for (mac, address, name) in [
                    ("02:00:00:00:00:02", "10.9.0.12", "b"), ("02:00:00:00:00:01", "10.9.0.9", "a"),
                ] {
                    try await cluster.execute(
                        """
                        INSERT INTO interfaces (id, network, node, mac, address, hostname)
                        VALUES (\(InterfaceID.new()), \(blue), \(node), \(mac), \(address), \(name))
                        """
                    )
                }
                let name = try NodeName("h1")
                let all = try await NodeWanted.read(on: name, in: cluster.database).servers
                #expect(all.map(\.id) == [blue, green] && all.map(\.generation) == [7, 8])
                #expect(
                    all[0].hosts.map { "\($0.mac) \($0.address) \($0.hostname)" } == [
                        "02:00:00:00:00:01 10.9.0.9 a", "02:00:00:00:00:02 10.9.0.12 b",
                    ]
                )
                #expect(all[0].domain?.description == "guests.example" && all[0].servesDHCP && !all[0].servesDNS)
                #expect(all[1].domain == nil && all[1].mtu.rawValue == 9000 && all[1].hosts == [] && all[1].servesDNS)
                let one = try await NodeWanted.read(on: name, of: [try VNI(200)], in: cluster.database)
                #expect(one.servers == [all[1]] && one.mesh.networks.map(\.id) == [green] && one.isNetworkNode)
                // Another node has neither servers nor, without guests, anything else.
                try await cluster.execute(
                    """
                    INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
                    VALUES (\(NodeID.new()), 'h2', '192.0.2.2', TRUE, FALSE)
                    """
                )
                let other = try await NodeWanted.read(on: try NodeName("h2"), in: cluster.database)
                #expect(other.servers == [] && other.vnis == [] && !other.isNetworkNode)
                await #expect(throws: ClusterOpsError.self) {
                    try await NodeWanted.read(on: try NodeName("h3"), in: cluster.database)
                }
            }
        }
    }
}

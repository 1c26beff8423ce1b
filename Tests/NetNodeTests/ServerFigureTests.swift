import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore
@testable import NetNode

extension NamespaceTests {
    /// What large networks, and many, cost; the figures are printed, because a machine that others use too has no
    /// constant ones.
    @Suite(.serialized, .tags(.long)) struct ServerFigureTests {
        /// Guests of 10.32.0.0/12, the first being number 0.
        private func hosts(_ numbers: Range<Int>) throws -> [ServerWanted.Host] {
            try numbers.map { number in
                let octets = [16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
                    .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
                return ServerWanted.Host(
                    mac: try MACAddress("02:00:00:\(octets)"),
                    address: IPv4Address(rawValue: 0x0a09_0100 + UInt32(number)),
                    hostname: try HostName("guest-\(number)")
                )
            }
        }

        /// A network 10.9.0.0/16 in the place of the world's, and a client in it.
        private func withLargeNetwork(
            _ body:
                @Sendable (ServerWorld, LeaseClient, ([ServerWanted.Host]) throws -> ServerWanted) async throws -> Void
        ) async throws {
            try await withServers { world in
                let namespace = world.namespace().namespace
                try await world.underlay.run("ip addr flush dev gw0", in: namespace)
                try await world.underlay.run("ip addr add 10.9.0.1/16 dev gw0", in: namespace)
                let guest = try await world.guest(11)
                try await body(world, try LeaseClient(guest)) { hosts in
                    ServerWanted(
                        id: .new(),
                        name: try NetworkName("large"),
                        vni: try world.vni(),
                        cidr: try CIDR("10.9.0.0/16"),
                        mtu: try MTU(1450),
                        domain: try DomainName("guests.example"),
                        servesDHCP: true,
                        servesDNS: true,
                        generation: 1,
                        hosts: hosts
                    )
                }
            }
        }

        /// Waits for an offer; a server that loses a question is asked again.
        private func offer(_ client: LeaseClient, for host: ServerWanted.Host) async throws -> IPv4Address? {
            for _ in 0..<1000 {
                try client.discover(host.mac, transaction: 9)
                for _ in 0..<2 {
                    while let offer = client.offer() {
                        if offer.mac == host.mac { return offer.offered }
                    }
                    try await Task.sleep(for: .milliseconds(1))
                }
            }
            return nil
        }

        @Test(arguments: [1000, 4000])
        func `a guest that joins a large network is answered at once, by the same process`(count: Int) async throws {
            try await withLargeNetwork { world, client, wanted in
                let server = try world.networkServer()
                let clock = ContinuousClock()
                let first = try wanted(hosts(0..<count))
                let before = clock.now
                #expect(try await server.bring(to: first) == .started)
                let start = clock.now - before
                let pid = await server.pid
                var passes: [Duration] = []
                for new in 0..<10 {
                    let all = try hosts(0..<(count + new + 1))
                    let value = try wanted(all)
                    let begin = clock.now
                    #expect(try await server.bring(to: value) == .reloaded)
                    let offered = try await offer(client, for: all[count + new])
                    passes.append(clock.now - begin)
                    #expect(offered == all[count + new].address)
                }
                for host in try hosts(0..<count).shuffled().prefix(20) {
                    let offered = try await offer(client, for: host)
                    #expect(offered == host.address)
                }
                #expect(await server.pid == pid)
                print("\(count) guests: started in \(start); a new one was answered after \(passes.sorted())")
                await server.stop()
            }
        }

        @Test func `a hundred updates are hardly to be heard`() async throws {
            try await withLargeNetwork { world, client, wanted in
                let server = try world.networkServer()
                let known = try hosts(0..<1000)
                #expect(try await server.bring(to: wanted(known)) == .started)
                let pid = await server.pid
                // What the machine itself is silent for, and then with the updates.
                for updates in [0, 100] {
                    let isOver = Locked(false)
                    let heard = Locked<[ContinuousClock.Instant]>([.now])
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            while !isOver.value {
                                try client.discover(known[0].mac, transaction: 3)
                                try await Task.sleep(for: .milliseconds(2))
                                while client.offer() != nil { heard.update { $0.append(.now) } }
                            }
                        }
                        for update in 0..<updates {
                            let more = try hosts(0..<(1001 + update))
                            #expect(try await server.bring(to: wanted(more)) == .reloaded)
                        }
                        if updates == 0 { try await eventually("a thousand answers") { heard.value.count > 1000 } }
                        isOver.update { $0 = true }
                        try await group.waitForAll()
                    }
                    let silences = zip(heard.value, heard.value.dropFirst()).map { $1 - $0 }.sorted()
                    let (count, longest) = (silences.count, silences.last ?? .zero)
                    print(
                        "\(updates) updates: \(count) answers, longest silence \(longest), before \(silences.suffix(5))"
                    )
                    #expect(count > 100 && longest < .seconds(1))
                }
                #expect(await server.pid == pid)
                await server.stop()
            }
        }

        @Test func `an operation for a guest of a thousand is in effect soon after its start`() async throws {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let blue = NetworkID.new()
                try await world.cluster.execute(
                    """
                    INSERT INTO networks (id, name, vni, cidr, mtu, dhcp, dns, port_security)
                    VALUES (\(blue), 'blue', 100, '10.9.0.0/16', 1450, TRUE, TRUE, FALSE)
                    """
                )
                // One client asks for all of them: without port security.
                for host in try hosts(0..<1000) {
                    try await world.cluster.execute(
                        """
                        INSERT INTO interfaces (id, network, node, mac, address, hostname)
                        VALUES (\(InterfaceID.new()), \(blue), \(world.nodes[0]), \(host.mac), \(host.address),
                            \(host.hostname))
                        """
                    )
                }
                try await nodes.start(0, environment: ["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "1h"])
                _ = try await nodes.elected()
                let server = nodes.servers(0)
                let guest = try await world.underlay.addGuest(
                    to: world.hosts[0],
                    vni: try VNI(100),
                    mac: try MACAddress("02:00:00:00:00:00"),
                    address: try IPv4Address("10.9.1.0"),
                    prefixLength: 16
                )
                let client = try LeaseClient(guest)
                let cluster = ClusterConnection(world.cluster.configuration, requester: "test", logger: .silent)
                let inventory = Inventory(cluster)
                var delays: [Double] = []
                for host in try hosts(1000..<1010) {
                    let added = try await inventory.addInterface(
                        InterfaceDraft(
                            network: try NetworkName("blue"),
                            node: try world.name(0),
                            mac: host.mac,
                            address: host.address,
                            hostname: host.hostname
                        )
                    )
                    let offered = try await offer(client, for: host)
                    let answered = Date().timeIntervalSince1970
                    #expect(offered == host.address)
                    try await eventually("its operations have ended") {
                        try await world.cluster.count("SELECT COUNT(*) FROM work_queue") == 0
                    }
                    let started = try await world.cluster.database.withSession { session in
                        try session.query(
                            """
                            SELECT UNIX_TIMESTAMP(started_at) AS at FROM finished_operations
                            WHERE node_name IS NULL AND id IN (\(list: added.operations))
                            """
                        )[0].get("at", as: String.self)
                    }
                    delays.append(answered - (Double(started) ?? 0))
                }
                let milliseconds = delays.sorted().map { Int($0 * 1000) }
                print("a guest of 1,000 was answered after its operation's start, in ms: \(milliseconds)")
                #expect(nodes.servers(0) == server, "no restart")
                await cluster.close()
            }
        }

        /// Brings all to what they are, eight at once as netnode does.
        private func pass(over all: [ServerWanted], by servers: NetworkServers) async -> (time: Duration, silent: Int) {
            let start = ContinuousClock.now
            let silent = await withTaskGroup(of: Bool.self) { group in
                var silent = 0
                for (index, wanted) in all.enumerated() {
                    if index >= 8, await group.next() == false { silent += 1 }
                    group.addTask { (try? await servers.bring(wanted)) != nil }
                }
                for await isWell in group where !isWell { silent += 1 }
                return silent
            }
            return (ContinuousClock.now - start, silent)
        }

        @Test func `asking ninety servers whether they answer takes a moment, and a silent one its own time only`()
            async throws
        {
            let count = 90
            try await withServers(networks: count) { world in
                let servers = world.servers()
                servers.open()
                let all = try (0..<count).map { try world.wanted([world.host(11)], network: $0) }
                let start = await pass(over: all, by: servers)
                #expect(start.silent == 0)
                let running = await servers.running
                var times: [Duration] = []
                for _ in 0..<5 {
                    let nothing = await pass(over: all, by: servers)
                    #expect(nothing.silent == 0)
                    times.append(nothing.time)
                }
                #expect(await servers.running == running)
                for pid in running.values.prefix(4) { kill(pid, SIGSTOP) }
                let silent = await pass(over: all, by: servers)
                #expect(silent.silent == 4)
                // Four of eight at once wait for their limit; the other four ask all the rest meanwhile.
                #expect(silent.time < NetworkServer.answerLimit * 4)
                print(
                    "\(count) servers: started in \(start.time), asked in \(times.sorted()), with 4 silent \(silent.time)"
                )
                await servers.close()
                #expect(world.serverProcesses() == [])
            }
        }

        @Test func `a hundred and fifty networks take no inotify instance, and silent ones hold up no others`()
            async throws
        {
            let count = 150
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                for number in 0..<count {
                    let network = try await world.addNetwork("n\(number)", vni: 100 + number)
                    if number < 2 { try await world.want(11, in: network, on: 0) }
                }
                let program = try await nodes.start(0, environment: ["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "1s"])
                try await eventually("all are served", within: .seconds(60)) {
                    try await world.cluster.count(
                        "SELECT COUNT(*) FROM applied_state WHERE what = 'dnsmasq'"
                    ) == count
                }
                let servers = nodes.servers(0)
                #expect(servers.count == count)
                for pid in servers {
                    let files = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")
                    let targets = files.compactMap {
                        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)")
                    }
                    #expect(!targets.isEmpty && !targets.contains { $0.contains("inotify") }, "\(pid)")
                }
                let silent = servers.shuffled().prefix(10)
                let stopped = ContinuousClock.now
                for pid in silent { kill(pid, SIGSTOP) }
                try await eventually("the silent ones are ended", within: .seconds(60)) {
                    !nodes.servers(0).contains { silent.contains($0) }
                }
                let ended = ContinuousClock.now - stopped
                try await eventually("all are there again, and no problem is left", within: .seconds(60)) {
                    guard nodes.servers(0).count == count else { return false }
                    return try await world.cluster.count("SELECT COUNT(*) FROM network_problems") == 0
                }
                print(
                    "10 silent servers of \(count): ended after \(ended), all well after \(ContinuousClock.now - stopped)"
                )
                #expect(Set(nodes.servers(0)).intersection(servers).count == count - silent.count)
                #expect(program.isRunning)
            }
        }
    }
}

import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

extension NamespaceTests {
    /// A database that is away while witnesses confirm the elected node: guests notice nothing, and never are two
    /// heard.
    @Suite(.serialized, .tags(.long)) struct DatabaseOutageTests {
        private static let pace = OverlayProbe.Pace(gateway: .milliseconds(100), lease: .milliseconds(200))

        /// The ways in which a database can be away.
        enum Absence: CaseIterable {
            case hangs
            case isKilled

            func begin(_ server: PrivateServer) {
                switch self {
                case .hangs: server.suspend()
                case .isKilled: server.kill()
                }
            }

            func end(_ server: PrivateServer) throws {
                switch self {
                case .hangs: server.resume()
                case .isKilled: try server.start()
                }
            }
        }

        /// Two nodes with a server of their own, one of which serves two networks that a third one asks in.
        private struct Scene: Sendable {
            let many: ManyNetworks
            let server: PrivateServer
            let probe: OverlayProbe
            let leader: Int

            var nodes: NetNodes { many.nodes }
            var other: Int { 1 - leader }
            var address: IPv4Address { nodes.world.hosts[leader].address }

            /// Waits until every network answers both questions that are asked from now on.
            func answered() async throws { try await many.answered(probe, after: .now) }

            /// Waits until nothing is answered any more.
            func silent() async throws {
                try await eventually("nobody answers", within: .seconds(60)) {
                    let last = probe.soFar.samples.suffix(while: { $0.sentAt > .now - .seconds(2) })
                    return last.count >= 20 && last.allSatisfy(\.answers.isEmpty)
                }
            }

            func lease(_ what: SQL) async -> Int? {
                try? await nodes.world.cluster.count("SELECT \(sql: what) FROM leases")
            }

            /// Waits until the lease was renewed some times more.
            func renewed() async throws {
                let before = await lease("renewals") ?? 0
                try await eventually("the lease is renewed", within: .seconds(60)) {
                    await lease("renewals") ?? 0 >= before + 3
                }
            }

            /// Waits until the row names so many nodes, the leader's among them, and the candidate has read that.
            func covered(_ count: Int) async throws {
                try await eventually("the row names \(count) nodes", within: .seconds(60)) {
                    await lease("IFNULL(LENGTH(witnesses), 0) DIV 36") == count
                }
                try await renewed()
            }
        }

        private func withScene(
            outage: String = "1m",
            behindProxy: Bool = false,
            _ body: @Sendable (Scene) async throws -> [IPv4Address]
        ) async throws {
            let server = try PrivateServer()
            defer { server.destroy() }
            try await withNetNodes(hosts: 3, networkNodes: [0, 1], on: server) { nodes in
                let many = try await ManyNetworks(2, on: nodes)
                let environment = ["CLUSTEROPS_ELECTION_OUTAGE": outage]
                if behindProxy {
                    try await nodes.startBehindProxy(0, environment: environment, to: server)
                    #expect(try await nodes.elected() == 0)
                } else {
                    try await nodes.start(0, environment: environment)
                }
                try await nodes.start(1, environment: environment)
                let leader = try await many.settled()
                let probe = try await many.probe(Self.pace)
                let scene = Scene(many: many, server: server, probe: probe, leader: leader)
                try await scene.covered(2)
                let holders = try await body(scene)
                let seen = await probe.stop()
                #expect(seen.contested.isEmpty, "two answered one request")
                for network in 0..<many.count {
                    for question in OverlayObservation.Question.allCases {
                        #expect(seen.holders(of: network, question) == holders)
                    }
                }
                let unanswered = seen.samples.filter(\.answers.isEmpty).count
                print(
                    """
                    \(unanswered) of \(seen.samples.count) requests were not answered; silence of the gateways, \
                    \(figures(seen.silences(.gateway).values)); of the servers, \(figures(seen.silences(.lease).values))
                    """
                )
            }
        }

        @Test(arguments: Absence.allCases)
        func `guests do not notice a database that is away for 20 s, and the leader stays`(
            _ absence: Absence
        ) async throws {
            try await withScene { scene in
                let before = scene.probe.soFar.samples.count
                absence.begin(scene.server)
                // So long it is to be away, by the contract.
                try await Task.sleep(for: .seconds(20))
                try await scene.answered()
                try absence.end(scene.server)
                try await scene.renewed()
                #expect(await scene.lease("term") == 1)
                let during = scene.probe.soFar.samples.dropFirst(before)
                let unanswered = during.filter(\.answers.isEmpty).count
                #expect(unanswered * 20 <= during.count, "\(unanswered) of \(during.count) were not answered")
                #expect(try scene.nodes.program(scene.leader).log.contains("lease not renewed; asking the witnesses"))
                return [scene.address]
            }
        }

        @Test func `a server that dies while the database is away is started again`() async throws {
            try await withScene { scene in
                scene.server.suspend()
                try await eventually("witnesses are asked", within: .seconds(30)) {
                    try scene.nodes.program(scene.leader).log.contains("asking the witnesses")
                }
                let servers = scene.nodes.servers(scene.leader)
                #expect(servers.count == scene.many.count + 1)
                servers.forEach { _ = kill($0, SIGKILL) }
                try await eventually("all are started again", within: .seconds(60)) {
                    let now = scene.nodes.servers(scene.leader)
                    return now.count == servers.count && Set(now).isDisjoint(with: servers)
                }
                try await scene.answered()
                scene.server.resume()
                try await scene.renewed()
                #expect(await scene.lease("term") == 1)
                return [scene.address]
            }
        }

        @Test func `the gate closes when a candidate does not confirm, and the database is away`() async throws {
            try await withScene { scene in
                let candidate = try scene.nodes.program(scene.other)
                candidate.signal(SIGSTOP)
                scene.server.suspend()
                try await scene.silent()
                #expect(try scene.nodes.program(scene.leader).log.contains("lease not confirmed by all witnesses"))
                scene.server.resume()
                try await scene.answered()
                candidate.signal(SIGCONT)
                try await scene.many.sampled(scene.probe)
                return [scene.address]
            }
        }

        @Test func `a candidate that is dead is no witness, and nobody waits for it`() async throws {
            try await withScene { scene in
                try scene.nodes.program(scene.other).signal(SIGKILL)
                try await scene.covered(1)
                scene.server.suspend()
                // Longer than two leases: without the list the gate were closed by now.
                try await Task.sleep(for: .seconds(11))
                try await scene.answered()
                scene.server.resume()
                try await scene.renewed()
                #expect(await scene.lease("term") == 1)
                return [scene.address]
            }
        }

        @Test func `the gate closes at the bound, whoever confirms`() async throws {
            try await withScene(outage: "9s") { scene in
                scene.server.suspend()
                try await scene.silent()
                let log = try scene.nodes.program(scene.leader).log
                #expect(log.contains("asking the witnesses") && !log.contains("not confirmed by all"))
                #expect(log.contains("outage time is nearly over; the tenure ends unless the lease is renewed"))
                scene.server.resume()
                try await scene.answered()
                let last = try #require(await scene.lease("term"))
                #expect(last == 2)
                let holder = try #require(try await scene.nodes.leader())
                try await scene.many.sampled(scene.probe)
                return holder == scene.leader
                    ? [scene.address] : [scene.address, scene.nodes.world.hosts[holder].address]
            }
        }

        @Test func `a leader that alone has lost the database is followed, and never heard beside the next one`()
            async throws
        {
            try await withScene(behindProxy: true) { scene in
                try #require(scene.leader == 0, "the one with the proxy leads")
                try scene.nodes.proxy().isolate()
                #expect(try await scene.nodes.elected(above: 1, within: .seconds(60)) == 1)
                try await scene.answered()
                try scene.nodes.proxy().heal()
                try await scene.many.sampled(scene.probe)
                return scene.nodes.world.hosts.prefix(2).map(\.address)
            }
        }

        @Test func `a leader that has lost database and underlay is followed, and never heard beside the next one`()
            async throws
        {
            try await withScene(behindProxy: true) { scene in
                try #require(scene.leader == 0, "the one with the proxy leads")
                let (underlay, port) = (scene.nodes.world.underlay, "ip link set dev port1")
                try await underlay.run("\(port) nomaster", in: underlay.switchNamespace)
                try scene.nodes.proxy().isolate()
                #expect(try await scene.nodes.elected(above: 1, within: .seconds(60)) == 1)
                try await scene.answered()
                try await underlay.run("\(port) master ubr", in: underlay.switchNamespace)
                try await scene.many.sampled(scene.probe)
                try scene.nodes.proxy().heal()
                try await scene.many.sampled(scene.probe)
                return scene.nodes.world.hosts.prefix(2).map(\.address)
            }
        }

        @Test func `a leader that is stopped while witnesses confirm it is followed, and goes on without being heard`()
            async throws
        {
            try await withScene { scene in
                let leader = try scene.nodes.program(scene.leader)
                scene.server.suspend()
                try await eventually("witnesses are asked", within: .seconds(30)) {
                    leader.log.contains("asking the witnesses")
                }
                leader.signal(SIGSTOP)
                scene.server.resume()
                #expect(try await scene.nodes.elected(above: 1, within: .seconds(60)) == scene.other)
                try await scene.answered()
                leader.signal(SIGCONT)
                try await eventually("it ends its servers") { scene.nodes.servers(scene.leader).isEmpty }
                try await scene.many.sampled(scene.probe)
                return [scene.address, scene.nodes.world.hosts[scene.other].address]
            }
        }

        @Test func `a node that gets the role while the leader is cut off waits until the bound has passed`()
            async throws
        {
            let server = try PrivateServer()
            defer { server.destroy() }
            try await withNetNodes(hosts: 4, networkNodes: [0, 1], on: server) { nodes in
                let (world, environment) = (nodes.world, ["CLUSTEROPS_ELECTION_OUTAGE": "20s"])
                let many = try await ManyNetworks(1, on: nodes)
                var proxies: [DatabaseProxy] = []
                defer { proxies.forEach { $0.close() } }
                for index in ManyNetworks.servers {
                    let proxy = try DatabaseProxy(to: server, in: world.hosts[index].namespacePath)
                    proxies.append(proxy)
                    try await nodes.start(index, environment: environment, through: proxy)
                }
                let leader = try await many.settled()
                let newcomer = 3
                let probe = try OverlayProbe(
                    on: world.hosts[ManyNetworks.watcher],
                    peers: [0, 1, newcomer].map { world.hosts[$0] },
                    targets: many.targets,
                    pace: Self.pace
                )
                try await many.answered(probe, after: .now)
                let scene = Scene(many: many, server: server, probe: probe, leader: leader)
                try await scene.covered(2)
                for proxy in proxies { proxy.isolate() }
                try await world.cluster.execute("UPDATE nodes SET is_network_node = TRUE WHERE name = 'h4'")
                try await nodes.start(newcomer, environment: environment)
                try await eventually("witnesses are asked", within: .seconds(30)) {
                    try nodes.program(leader).log.contains("asking the witnesses")
                }
                #expect(try await nodes.elected(above: 1, within: .seconds(90)) == newcomer)
                try await many.answered(probe, after: .now)
                for proxy in proxies { proxy.heal() }
                try await many.sampled(probe)
                let seen = await probe.stop()
                #expect(seen.contested.isEmpty, "two answered one request")
                #expect(seen.holders(of: 0, .gateway) == [scene.address, world.hosts[newcomer].address])
            }
        }
    }
}

extension BidirectionalCollection {
    /// The longest end whose elements all satisfy a condition.
    fileprivate func suffix(while predicate: (Element) -> Bool) -> SubSequence {
        var start = endIndex
        while start > startIndex, predicate(self[index(before: start)]) { start = index(before: start) }
        return self[start...]
    }
}

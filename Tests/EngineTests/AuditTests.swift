import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore
@testable import DatabaseTime

/// Every change of the cluster is one line of the audit trail, and no line is there without its change.
@Suite(.timeLimit(.minutes(15))) struct AuditTests {
    private static let alice = "alice@adm"

    private func connection(_ cluster: TestCluster, _ requester: String = alice) -> ClusterConnection {
        ClusterConnection(database: cluster.database, requester: requester, waker: NoWaker(), logger: .silent)
    }

    private func node(_ name: String, _ address: String, _ roles: Set<NodeRole> = [.hypervisor]) throws -> NodeDraft {
        try NodeDraft(name: NodeName(name), underlayAddress: IPv4Address(address), roles: roles)
    }

    private func network(_ name: String, vni: Int, _ cidr: String) throws -> NetworkDraft {
        NetworkDraft(
            name: try NetworkName(name),
            vni: try VNI(vni),
            cidr: try CIDR(cidr),
            mtu: try MTU(1450),
            domain: nil,
            dhcp: true,
            dns: true
        )
    }

    // MARK: What is written

    @Test func `each change of wanted state is one line with who made it, and what it made`() async throws {
        try await withCluster { cluster in
            let (h1, blue) = (try NodeName("h1"), try NetworkName("blue"))
            let inventory = Inventory(connection(cluster))
            let added = try await inventory.addNode(try node("h1", "192.0.2.1", [.hypervisor, .network]))
            _ = try await inventory.changeNode(h1, NodeChange(underlayAddress: try IPv4Address("192.0.2.9")))
            _ = try await inventory.drain(h1, reason: "disk swap")
            _ = try await inventory.undrain(h1)
            _ = try await inventory.setExternalNetwork(
                try ExternalNetwork(cidr: try CIDR("203.0.113.0/24"), gateway: try IPv4Address("203.0.113.1"))
            )
            _ = try await inventory.addNetwork(try network("blue", vni: 100, "10.9.0.0/24"))
            _ = try await inventory.changeNetwork(blue, NetworkChange(nat: true))
            let guest = try await inventory.addInterface(
                InterfaceDraft(
                    network: blue,
                    node: h1,
                    mac: try MACAddress("52:54:00:00:00:01"),
                    address: try IPv4Address("10.9.0.7"),
                    hostname: try HostName("web")
                )
            ).object.id
            _ = try await inventory.floatInterface(guest)
            _ = try await inventory.unfloatInterface(guest)
            _ = try await inventory.changeInterface(guest, InterfaceChange(hostname: try HostName("www")))
            _ = try await inventory.removeInterface(guest)
            _ = try await inventory.removeNetwork(blue)
            _ = try await inventory.removeExternalNetwork()
            _ = try await inventory.removeNode(h1, abortingOperations: true)
            let events = try await cluster.trail()
            #expect(
                events.map(\.change.kind) == [
                    .nodeAdded, .nodeChanged, .nodeDrained, .nodeUndrained, .externalNetworkSet, .networkAdded,
                    .networkChanged, .interfaceAdded, .interfaceChanged, .interfaceChanged, .interfaceChanged,
                    .interfaceRemoved, .networkRemoved, .externalNetworkRemoved, .nodeRemoved,
                ]
            )
            #expect(events.allSatisfy { $0.requester == Self.alice })
            let first = try #require(events.first)
            #expect(first.change.subject == "h1")
            #expect(first.change.subjectID?.description == "\(added.object.record.id)")
            #expect(first.change.values["underlay_address"] == .string("192.0.2.1"))
            #expect(events[1].change.values["underlay_address"] == .string("192.0.2.9"))
            #expect(events[2].change.reason == "disk swap" && events[2].change.values["state"] == .string("draining"))
            #expect(events[6].change.values["external_address"] == .string("203.0.113.2"))
            #expect(events[8].change.values["floating_address"] == .string("203.0.113.3"))
            #expect(events[9].change.values["floating_address"] == .null)
            #expect(events[10].change.subject == "www" && events[7].change.subject == "web")
            #expect(events.map(\.at) == events.map(\.at).sorted())
        }
    }

    @Test func `what changes nothing, and what is refused, leaves no line`() async throws {
        try await withCluster { cluster in
            let inventory = Inventory(connection(cluster))
            let h1 = try NodeName("h1")
            _ = try await inventory.addNode(try node("h1", "192.0.2.1"))
            _ = try await inventory.addNetwork(try network("blue", vni: 100, "10.9.0.0/24"))
            let before = try await cluster.trail()
            _ = try await inventory.undrain(h1)
            _ = try await inventory.changeNode(h1, NodeChange(underlayAddress: try IPv4Address("192.0.2.1")))
            _ = try await inventory.changeNode(h1, NodeChange(roles: [.hypervisor]))
            _ = try await inventory.changeNetwork(try NetworkName("blue"), NetworkChange(dhcp: true))
            _ = try await inventory.reconcileNetwork(try NetworkName("blue"))
            await #expect(throws: ClusterOpsError.self) { try await inventory.addNode(try node("h1", "192.0.2.2")) }
            await #expect(throws: ClusterOpsError.self) {
                try await inventory.addNetwork(try network("red", vni: 100, "10.8.0.0/24"))
            }
            await #expect(throws: ClusterOpsError.self) { try await inventory.drain(try NodeName("h7")) }
            #expect(try await cluster.trail() == before)
        }
    }

    @Test func `pauses are lines, and of two who resume a rule one is written down`() async throws {
        try await withCluster { cluster in
            let (alice, bob) = (connection(cluster), connection(cluster, "bob@adm"))
            let pattern = try QueuePattern("h1-*")
            _ = try await alice.pause(pattern, reason: "disk swap")
            async let first = alice.resume(pattern)
            async let second = bob.resume(pattern)
            let removed = try await [first, second].map(\.removed.count)
            #expect(removed.sorted() == [0, 1])
            let events = try await cluster.trail()
            #expect(events.map(\.change.kind) == [.queuePaused, .queueResumed])
            #expect(events.map(\.change.subject) == ["h1-*", "h1-*"])
            #expect(events.first?.change.reason == "disk swap" && events.first?.requester == Self.alice)
            #expect(events.last?.requester == (removed[0] == 1 ? Self.alice : "bob@adm"))
            #expect(events.last?.change.values["reason"] == .string("disk swap"))
        }
    }

    // MARK: Leadership

    @Test func `of eight that are elected at once one is written down, and who falls silent is lost`() async throws {
        try await withCluster { cluster in
            func sighting() async throws -> ElectionState.Sighting {
                try await cluster.database.withSession { session in
                    try LeaseStatements.create(ElectedLease.networkNode, on: session)
                    return try #require(try LeaseStatements.sighting(ElectedLease.networkNode, on: session))
                }
            }
            func take(_ node: String, after seen: ElectionState.Sighting) async throws -> LeaseChange? {
                let candidate = LeaseCandidate(id: .new(), node: try NodeName(node))
                let change = LeaseChange(ElectedLease.networkNode, seen.term, candidate, nil)
                let isTaken = try await cluster.database.withSession {
                    try change.acquire(after: seen, for: .seconds(5), on: $0)
                }
                return isTaken ? LeaseChange(ElectedLease.networkNode, seen.term + 1, candidate, nil) : nil
            }
            let free = try await sighting()
            let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 1...8 {
                    group.addTask {
                        do {
                            return try await take("h\(number)", after: free) != nil
                        } catch let error as DatabaseError where error.code == .deadlock {
                            return false
                        }
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(winners == 1)
            let elected = try #require(try await cluster.trail().first)
            #expect(try await cluster.trail().map(\.change.kind) == [.leaderElected])
            #expect(elected.requester == "netnode \(elected.change.subject)")
            #expect(elected.change.values == ["term": .integer(1)])

            let next = try #require(try await take("h9", after: try await sighting()))
            for _ in 0..<2 {
                try await cluster.database.withSession { try next.resign(to: nil, because: .ineligible, on: $0) }
            }
            #expect(try await take("h8", after: try await sighting()) != nil)
            let events = try await cluster.trail()
            #expect(
                events.map(\.change.kind) == [
                    .leaderElected, .leaderLost, .leaderElected, .leaderResigned, .leaderElected,
                ]
            )
            #expect(events[1].change.subject == elected.change.subject && events[1].requester == "netnode h9")
            #expect(events[3].change.reason == "the node is drained, or is no network node any more")
            #expect(events.map { $0.change.values["term"] } == [1, 1, 2, 2, 3].map { .integer($0) })
        }
    }

    @Test func `who is asked to resign, stays or is left alone is written down with who asked`() async throws {
        try await withCluster { cluster in
            for name in ["h1", "h2"] { try await cluster.addNode(name) }
            try await cluster.execute("UPDATE nodes SET is_network_node = TRUE")
            try await withElectionKeepers(["h1"], on: cluster) { members in
                try await eventually("it is elected") { members[0].role.serving != nil }
                let outcome = try await connection(cluster).resignLeader(within: .seconds(60))
                #expect(outcome == .refused(by: try NodeName("h1"), .nobodyStands))
            }
            try await cluster.execute(
                """
                UPDATE leases SET holder = UUID(), holder_node = 'h2', renewed_at = NOW(6),
                    expires_at = NOW(6) + INTERVAL 1 HOUR
                """
            )
            let outcome = try await connection(cluster).resignLeader(within: .zero)
            #expect(outcome == .timedOut(try NodeName("h2"), hasResigned: false))
            let events = try await cluster.trail()
            #expect(
                events.map(\.change.kind) == [
                    .leaderElected, .resignationRequested, .resignationRefused, .leaderResigned,
                    .resignationRequested, .resignationWithdrawn,
                ]
            )
            #expect(events.map(\.requester).filter { $0 == Self.alice }.count == 3)
            #expect(events[2].requester == "netnode h1" && events[2].change.reason == "nobody_stands")
            #expect(events[3].change.reason == "its netnode ends")
        }
    }

    // MARK: Together or not at all

    @Test(arguments: [Disturbance.cutBefore, .cutAfter, .landLate])
    func `a change whose COMMIT has an unknown outcome and its line are both there or both not`(
        disturbance: Disturbance
    ) async throws {
        try await withProxiedCluster { way in
            let inventory = Inventory(connection(way.proxied))
            way.proxy.order(disturbance, at: .commit(of: "INSERT INTO audit_events"))
            let error = await #expect(throws: ClusterOpsError.self) {
                try await inventory.addNode(try node("h1", "192.0.2.1"))
            }
            #expect(error?.code == .unreachable)
            try await eventually("it was disturbed") { way.proxy.counts.of(disturbance) == 1 }
            let expected = disturbance == .cutBefore ? 0 : 1
            try await eventually("a late COMMIT has landed") {
                try await way.direct.count("SELECT COUNT(*) FROM nodes") == expected
            }
            #expect(try await way.direct.count("SELECT COUNT(*) FROM audit_events") == expected)
        }
    }

    @Test(arguments: [Disturbance.cutBefore, .cutAfter])
    func `a change that is cut at its line is begun again, and is one change with one line`(
        disturbance: Disturbance
    ) async throws {
        try await withProxiedCluster { way in
            let cluster = connection(way.proxied)
            way.proxy.order(disturbance, at: .statement("INSERT INTO audit_events"))
            _ = try await Inventory(cluster).addNode(try node("h1", "192.0.2.1"))
            way.proxy.order(disturbance, at: .statement("INSERT INTO audit_events"))
            _ = try await cluster.pause(try QueuePattern("*"), reason: "all")
            #expect(way.proxy.counts.of(disturbance) == 2)
            #expect(try await way.direct.count("SELECT COUNT(*) FROM nodes") == 1)
            #expect(try await way.direct.trail().map(\.change.kind) == [.nodeAdded, .queuePaused])
        }
    }

    @Test func `a change of which no line can be written is not made`() async throws {
        try await withCluster { cluster in
            let connection = connection(cluster)
            let inventory = Inventory(connection)
            _ = try await inventory.addNode(try node("h1", "192.0.2.1"))
            try await cluster.execute("RENAME TABLE audit_events TO gone")
            let h1 = try NodeName("h1")
            await #expect(throws: ClusterOpsError.self) { try await inventory.addNode(try node("h2", "192.0.2.2")) }
            await #expect(throws: ClusterOpsError.self) { try await inventory.drain(h1) }
            await #expect(throws: ClusterOpsError.self) { try await inventory.removeNode(h1) }
            await #expect(throws: ClusterOpsError.self) {
                try await connection.pause(try QueuePattern("*"), reason: "all")
            }
            try await cluster.database.withSession {
                try LeaseStatements.create(ElectedLease.networkNode, on: $0)
            }
            await #expect(throws: DatabaseError.self) {
                try await cluster.database.withSession { session in
                    let seen = try #require(try LeaseStatements.sighting(ElectedLease.networkNode, on: session))
                    let candidate = LeaseCandidate(id: .new(), node: h1)
                    let change = LeaseChange(ElectedLease.networkNode, seen.term, candidate, nil)
                    return try change.acquire(after: seen, for: .seconds(5), on: session)
                }
            }
            let left = try await inventory.nodes()
            #expect(left.map(\.record.name) == [h1] && left.first?.record.state == .active)
            #expect(try await cluster.count("SELECT COUNT(*) FROM queue_pauses") == 0)
            #expect(try await cluster.count("SELECT COUNT(*) FROM leases WHERE term > 0") == 0)
        }
    }

    @Test func `of two who drain a node at once both are written down, and the node has the later one's reason`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let h1 = try NodeName("h1")
            let (first, second) = (Inventory(connection(cluster)), Inventory(connection(cluster, "bob@adm")))
            async let one = first.drain(h1, reason: "disk swap")
            async let other = second.drain(h1, reason: "new kernel")
            _ = try await (one, other)
            let events = try await cluster.trail()
            #expect(events.map(\.change.kind) == [.nodeDrained, .nodeDrained])
            let drain = try #require(try await first.node(h1).record.drain)
            // The time is the statement's, the order the lock's: the events tell it by what they found.
            let later = try #require(events.first { $0.requester == drain.requester })
            #expect(later.change.reason == drain.reason)
            #expect(Set(events.map(\.requester)) == [Self.alice, "bob@adm"])
        }
    }

    // MARK: Reading and forgetting

    @Test func `the trail is read by kind and subject, and found by its time`() async throws {
        try await withCluster { cluster in
            let inventory = Inventory(connection(cluster))
            let added = try await inventory.addNode(try node("h1", "192.0.2.1"))
            _ = try await inventory.addNode(try node("h10", "192.0.2.10"))
            _ = try await inventory.drain(try NodeName("h1"))
            func read(_ kinds: [AuditKind] = AuditKind.allCases, _ subject: String? = nil) async throws -> [AuditKind] {
                let choice = AuditStatements.Choice(
                    since: Timestamp(microseconds: 0),
                    kinds: kinds,
                    subject: subject
                )
                return try await cluster.database.withSession { try AuditStatements.events(choice, on: $0) }
                    .map(\.change.kind)
            }
            #expect(try await read() == [.nodeDrained, .nodeAdded, .nodeAdded])
            #expect(try await read([.nodeDrained]) == [.nodeDrained])
            #expect(try await read([]) == [])
            #expect(try await read(AuditKind.allCases, "h1") == [.nodeDrained, .nodeAdded])
            #expect(try await read(AuditKind.allCases, "h1*").count == 3)
            for subject in ["h_", "h%"] { #expect(try await read(AuditKind.allCases, subject) == []) }
            #expect(try await read(AuditKind.allCases, "\(added.object.record.id)").count == 2)
            let plan = try await cluster.explain(
                AuditStatements.eventsQuery(AuditStatements.Choice(since: Timestamp(microseconds: 0)))
            )
            #expect(plan.map(\.key) == ["audit_events_by_time"] && !plan.contains { $0.sorts })
            let outlived = AuditStatements.outlivedQuery(happenedBefore: Timestamp(microseconds: 0), limit: 500)
            let oldest = try await cluster.explain(outlived)
            #expect(oldest.map(\.key) == ["audit_events_by_time"] && !oldest.contains { $0.sorts })
        }
    }

    @Test func `the trail is kept as long as history, and forgotten with the same care`() async throws {
        try await withCluster { cluster in
            let inventory = Inventory(connection(cluster))
            for number in 1...3 { _ = try await inventory.addNode(try node("h\(number)", "192.0.2.\(number)")) }
            for (name, age) in [("h1", "61 MINUTE"), ("h2", "59 MINUTE")] as [(String, SQL)] {
                try await cluster.execute(
                    """
                    UPDATE audit_events SET happened_at = NOW(6) - INTERVAL \(sql: age) WHERE subject_name = \(name)
                    """
                )
            }
            let keeper = HistoryKeeper(database: cluster.database, retention: .seconds(3600), logger: .silent)
            #expect(try await keeper.forgetBatch() == 1)
            #expect(try await keeper.forgetBatch() == 0)
            #expect(try await cluster.trail().map(\.change.subject) == ["h2", "h3"])

            // A month is forgotten by a twelfth in an hour, whatever the clocks say.
            try await cluster.execute("DELETE FROM audit_events")
            try await cluster.execute("DELETE FROM history_allowance")
            try await cluster.execute(
                """
                INSERT INTO audit_events (id, happened_at, kind, subject_name, requester, new_values)
                SELECT UUID(), NOW(6) - INTERVAL 40 DAY, 'node added', 'h1', 'test', '{}' FROM seq_1_to_1200
                """
            )
            let month = HistoryKeeper(database: cluster.database, retention: .seconds(30 * 86_400), logger: .silent)
            #expect(try await month.forgetBatch() == 100)
            #expect(try await month.forgetBatch() == 0)
        }
    }

    @Test func `the schema refuses a line of no kind, and a drain of nobody`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            func refused(_ statement: SQL) async {
                await #expect(throws: DatabaseError.self, "\(statement)") { try await cluster.execute(statement) }
            }
            let insert: SQL =
                "INSERT INTO audit_events (id, happened_at, requester, subject_name, kind, new_values) VALUES"
            await refused("\(sql: insert) (UUID(), NOW(6), 'test', 'h1', 'node eaten', '{}')")
            await refused("\(sql: insert) (UUID(), NOW(6), 'test', 'h1', 'node added', '[]')")
            await refused("\(sql: insert) (UUID(), NOW(6), 'test', 'h1', 'node added', 'x')")
            for kind in AuditKind.allCases {
                try await cluster.execute("\(sql: insert) (UUID(), NOW(6), 'test', 'h1', \(kind), '{}')")
            }
            await refused("UPDATE nodes SET drained_at = NOW(6), drain_requester = 'test'")
            await refused("UPDATE nodes SET state = 'draining', drained_at = NOW(6)")
            await refused("UPDATE nodes SET state = 'draining', drain_reason = 'because'")
            try await cluster.execute("UPDATE nodes SET state = 'draining'")
        }
    }
}

extension TestCluster {
    /// The audit trail, the oldest first.
    fileprivate func trail() async throws -> [AuditEvent] {
        try await database.withSession { session in
            try AuditStatements.events(AuditStatements.Choice(since: Timestamp(microseconds: 0)), on: session)
        }.reversed()
    }
}

import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import MariaDB
import Testing

@testable import NetNode

@Suite(.timeLimit(.minutes(15))) struct DataPlaneReporterTests {
    private func report(_ faults: [NodeID: String], bridge: DataPlaneReport.Check = .ok) -> DataPlaneReport {
        DataPlaneReport(
            paths: faults.mapValues { DataPlaneReport.Path(state: .unreachable, size: nil, reason: $0) },
            checks: [.bridgeFilter: bridge]
        )
    }

    private func written(_ cluster: TestCluster) async throws -> [String] {
        try await cluster.database.withSession { session in
            try session.query(
                """
                SELECT CONCAT(f.name, ' ', t.name, ' ', r.reason) AS line
                FROM mesh_reachability AS r JOIN nodes AS f ON f.id = r.from_node JOIN nodes AS t ON t.id = r.to_node
                UNION ALL SELECT CONCAT(n.name, ' ', c.what, ' ', c.state)
                FROM data_plane_checks AS c JOIN nodes AS n ON n.id = c.node
                ORDER BY line
                """
            ).map { try $0.only(String.self) }
        }
    }

    @Test func `differences are written, once, and what is well again is taken back`() async throws {
        try await withCluster { cluster in
            var ids: [NodeID] = []
            for name in ["h1", "h2", "h3"] { ids.append(try await cluster.addNode(name)) }
            var reporter = DataPlaneReporter(database: cluster.database)
            let (one, two) = (report([ids[1]: "a", ids[2]: "b"]), report([ids[2]: "c"], bridge: .failed("why")))
            var isNews: [Bool] = []
            for report in [one, one, two, two] { isNews.append(try await reporter.write(report, of: ids[0])) }
            #expect(isNews == [true, false, true, false])
            #expect(try await written(cluster) == ["h1 bridge_filter failed", "h1 h3 c"])
            isNews = [try await reporter.write(report([:]), of: ids[0])]
            #expect(isNews == [true])
            #expect(try await written(cluster) == ["h1 bridge_filter ok"])
        }
    }

    @Test func `a new process takes back what the last one of its node has reported, and nothing of others`()
        async throws
    {
        try await withCluster { cluster in
            var ids: [NodeID] = []
            for name in ["h1", "h2", "h3"] { ids.append(try await cluster.addNode(name)) }
            for index in 0..<2 {
                var killed = DataPlaneReporter(database: cluster.database)
                _ = try await killed.write(report([ids[2]: "x"], bridge: .failed("why")), of: ids[index])
            }
            var next = DataPlaneReporter(database: cluster.database)
            _ = try await next.write(DataPlaneReport(), of: ids[0])
            #expect(try await written(cluster) == ["h2 bridge_filter failed", "h2 h3 x"])
        }
    }

    @Test func `what could not be written is written later`() async throws {
        try await withCluster { cluster in
            let (here, there) = (try await cluster.addNode("h1"), try await cluster.addNode("h2"))
            var reporter = DataPlaneReporter(database: cluster.database)
            _ = try await reporter.write(report([:]), of: here)
            try await cluster.execute("RENAME TABLE mesh_reachability TO elsewhere")
            do {
                _ = try await reporter.write(report([there: "a"], bridge: .failed("why")), of: here)
                Issue.record("there is no such table")
            } catch is DatabaseError {}
            #expect(try await cluster.count("SELECT COUNT(*) FROM data_plane_checks WHERE state = 'failed'") == 0)
            try await cluster.execute("RENAME TABLE elsewhere TO mesh_reachability")
            _ = try await reporter.write(report([there: "a"], bridge: .failed("why")), of: here)
            #expect(try await written(cluster) == ["h1 bridge_filter failed", "h1 h2 a"])
        }
    }

    @Test(arguments: [Disturbance.cutBefore, .cutAfter, .landLate])
    func `a fault whose COMMIT has an unknown outcome is taken back when it is over by then`(
        disturbance: Disturbance
    ) async throws {
        try await withProxiedCluster { way in
            let (here, there) = (try await way.direct.addNode("h1"), try await way.direct.addNode("h2"))
            var reporter = DataPlaneReporter(database: way.proxied.database)
            _ = try await reporter.write(report([:]), of: here)
            way.proxy.order(disturbance, at: .commit(of: "INSERT INTO mesh_reachability"))
            do {
                _ = try await reporter.write(report([there: "a"], bridge: .failed("why")), of: here)
                Issue.record("the COMMIT was disturbed")
            } catch let error as DatabaseError {
                #expect(error.code == .outcomeUnknown)
            }
            _ = try await reporter.write(report([:]), of: here)
            try await eventually("it was disturbed, and the proxy says so") {
                let counts = way.proxy.counts
                return counts.cutBefore + counts.cutAfter + counts.landedLate == 1
            }
            #expect(try await written(way.direct) == ["h1 bridge_filter ok"])
            let isNews = try await reporter.write(report([:]), of: here)
            #expect(!isNews, "nothing is in doubt any more")
        }
    }

    @Test func `a new process waits for the COMMIT of the one before, and takes back what it has written`()
        async throws
    {
        try await withProxiedCluster { way in
            let (here, there) = (try await way.direct.addNode("h1"), try await way.direct.addNode("h2"))
            var killed = DataPlaneReporter(database: way.proxied.database)
            _ = try await killed.write(report([:]), of: here)
            way.proxy.order(.hold, at: .commit(of: "INSERT INTO mesh_reachability"))
            do {
                _ = try await killed.write(report([there: "x"], bridge: .failed("why")), of: here)
                Issue.record("its COMMIT is held")
            } catch is DatabaseError {}
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask {
                    var next = DataPlaneReporter(database: way.direct.database)
                    _ = try await next.write(DataPlaneReport(), of: here)
                }
                try await eventually("it waits for the row") {
                    try await way.direct.count(
                        """
                        SELECT COUNT(*) FROM information_schema.processlist
                        WHERE db = DATABASE() AND info LIKE 'DELETE FROM%' AND time_ms > 100
                        """
                    ) > 0
                }
                way.proxy.release()
            }
            try await eventually("the late COMMIT has landed") { way.proxy.counts.landedLate == 1 }
            #expect(try await written(way.direct) == [])
        }
    }

    @Test func `a process that is killed before its COMMIT has written nothing`() async throws {
        try await withProxiedCluster { way in
            let (here, there) = (try await way.direct.addNode("h1"), try await way.direct.addNode("h2"))
            let database = way.proxied.database
            await #expect(throws: DatabaseError.self) {
                try await database.withReadsBeforeTransaction { session in
                    try session.transaction { transaction in
                        try DataPlaneStatements.recordPath(
                            from: here,
                            to: there,
                            .unreachable,
                            size: nil,
                            reason: "a",
                            in: transaction
                        )
                        way.proxy.isolate()
                        try DataPlaneStatements.recordCheck(.bridgeFilter, of: here, .ok, reason: "", in: transaction)
                    }
                }
            }
            way.proxy.heal()
            var next = DataPlaneReporter(database: way.direct.database)
            _ = try await next.write(report([there: "b"]), of: here)
            #expect(try await written(way.direct) == ["h1 bridge_filter ok", "h1 h2 b"])
        }
    }

    @Test func `two processes of a node at once lose nothing, and the next one's report stands alone`() async throws {
        try await withCluster { cluster in
            var ids: [NodeID] = []
            for name in ["h1", "h2", "h3"] { ids.append(try await cluster.addNode(name)) }
            let (here, one, two) = (ids[0], report([ids[1]: "a"]), report([ids[2]: "b"], bridge: .failed("why")))
            for _ in 0..<10 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for report in [one, two] {
                        group.addTask {
                            var reporter = DataPlaneReporter(database: cluster.database)
                            _ = try await reporter.write(report, of: here)
                        }
                    }
                    try await group.waitForAll()
                }
                let found = Set(try await written(cluster)).subtracting(["h1 h2 a", "h1 h3 b"])
                #expect(found == ["h1 bridge_filter ok"] || found == ["h1 bridge_filter failed"])
                var next = DataPlaneReporter(database: cluster.database)
                _ = try await next.write(two, of: here)
                #expect(try await written(cluster) == ["h1 bridge_filter failed", "h1 h3 b"])
            }
        }
    }
}

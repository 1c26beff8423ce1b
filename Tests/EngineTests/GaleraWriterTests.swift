import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// Several members that are written to at once: nobody wants that, and it is right all the same.
extension GaleraTests {
    private static let moved = 20_000
    private static let movedAtOnce = 10

    /// What ends is moved like that.
    ///
    /// Of a batch of statements for one row each, a member that is to undo all of them undoes the first ones and goes
    /// on with the others: 71 of so many rows were in neither table.
    @Test func `rows that are moved while another member's writes abort the moves are in one table, once`() async throws
    {
        let galera = try PrivateGalera.shared
        let all = (0..<Self.moved).map { _ in OperationID.new() }
        try await withFreshSchema(at: galera.configuration()) { database, configuration in
            try await database.withSession { session in
                try session.execute("CREATE TABLE here (id UUID PRIMARY KEY)")
                try session.execute("CREATE TABLE there (id UUID PRIMARY KEY)")
                try session.execute("CREATE TABLE contended (id INT PRIMARY KEY, writes INT NOT NULL)")
                try session.execute("INSERT INTO contended VALUES (1, 0)")
                try session.executeBatch(all) { "INSERT INTO here VALUES (\($0))" }
            }
            let other = Database(galera.members[1].configuration(schema: configuration.schema), logger: .silent)
            let isOver = Locked(false)
            async let disturbances = {
                var count = 0
                while !isOver.value {
                    try await other.withTransaction { transaction in
                        try transaction.execute("UPDATE contended SET writes = writes + 1 WHERE id = 1")
                    }
                    count += 1
                    // Without a pause no move would come to its end.
                    try await Task.sleep(for: .milliseconds(20))
                }
                return count
            }()
            var moves = 0
            do {
                for first in stride(from: 0, to: Self.moved, by: Self.movedAtOnce) {
                    let ids = Array(all[first..<(first + Self.movedAtOnce)])
                    try await database.withTransaction { transaction in
                        try transaction.execute("UPDATE contended SET writes = writes + 1 WHERE id = 1")
                        try transaction.execute("INSERT INTO there SELECT id FROM here WHERE id IN (\(list: ids))")
                        try transaction.delete(from: "here", by: "id", ids)
                    }
                    moves += 1
                }
            } catch {
                isOver.update { $0 = true }
                throw error
            }
            isOver.update { $0 = true }
            let others = try await disturbances
            let found = try await database.withSession { session in
                try session.query(
                    """
                    SELECT (SELECT COUNT(*) FROM here), (SELECT COUNT(*) FROM there), (SELECT writes FROM contended)
                    """
                )[0].decode((Int, Int, Int).self)
            }
            #expect(found == (0, Self.moved, moves + others))
            #expect(database.errorCounts[.deadlock, default: 0] > 0, "of no aborted move nothing is proved")
            await other.close()
        }
    }

    /// Columns whose description, several times over, is more than a socket holds that nobody reads from.
    private static let wide = (1...650).map { number in
        "a_column_with_a_name_that_makes_its_description_long_\(number) INT NULL"
    }

    /// A member answers that a statement is prepared, looks whether the transaction was to be undone, and tells nobody.
    ///
    /// A client that is slow to take the answer makes a long time of that moment.
    @Test func `a transaction that is undone while a member prepares a statement begins again`() async throws {
        let galera = try PrivateGalera.shared
        let proxy = try DatabaseProxy(to: galera.members[0].server)
        defer { proxy.close() }
        try await withFreshSchema(at: galera.configuration()) { database, configuration in
            try await database.withSession { session in
                try session.execute("CREATE TABLE contended (id INT PRIMARY KEY, writes INT NOT NULL)")
                try session.execute("INSERT INTO contended VALUES (1, 0)")
                try session.execute("CREATE TABLE written (id INT PRIMARY KEY)")
            }
            try await database.administer("CREATE TABLE wide (\(Self.wide.joined(separator: ", ")))")
            let direct = galera.members[0].configuration(schema: configuration.schema)
            let proxied = Database(proxy.configuration(direct), logger: .silent)
            let other = Database(galera.members[1].configuration(schema: configuration.schema), logger: .silent)
            // The first on a connection has a BEGIN; after that, the end of a transaction would be noticed.
            try await proxied.withTransaction { _ = try $0.query("SELECT writes FROM contended") }
            let begun = Locked(0)
            async let transaction: Void = proxied.withTransaction { transaction in
                try transaction.execute("UPDATE contended SET writes = writes + 1 WHERE id = 1")
                begun.update { $0 += 1 }
                if begun.value == 1 { proxy.slow(.delayed(milliseconds: 500)) }
                _ = try transaction.query(
                    "SELECT * FROM wide AS a, wide AS b, wide AS c, wide AS d, wide AS e, wide AS f WHERE FALSE"
                )
                try transaction.execute("INSERT INTO written VALUES (1)")
            }
            try await eventually("the member is at its answer") {
                let answering = try await database.withSession { session in
                    try session.query(
                        """
                        SELECT COUNT(*) FROM information_schema.processlist
                        WHERE db = DATABASE() AND command = 'Prepare' AND state = 'Writing to net'
                        """
                    )[0].only(Int.self)
                }
                return answering == 1
            }
            let undone = galera.members[0].status("wsrep_local_bf_aborts")
            try await other.withTransaction { transaction in
                try transaction.execute("UPDATE contended SET writes = writes + 1 WHERE id = 1")
            }
            try await eventually("the transaction is undone") {
                galera.members[0].status("wsrep_local_bf_aborts") != undone
            }
            proxy.slow(.normal)
            _ = try await transaction
            let found = try await database.withSession { session in
                try session.query("SELECT (SELECT writes FROM contended), (SELECT COUNT(*) FROM written)")[0]
                    .decode((Int, Int).self)
            }
            #expect(found == (2, 1))
            #expect(begun.value == 2)
            for database in [proxied, other] { await database.close() }
        }
    }

    /// `clusterops-hammer --galera`, for a moment.
    @Test func `with callers and workers on all members nothing is lost, doubled or stuck, and all have the same rows`()
        async throws
    {
        let seed = UInt64.random(in: .min ... .max)
        var settings = HammerSettings(seed: seed, duration: .seconds(6), clients: 20, workers: 4)
        settings.networks = 6
        let servers = try PrivateGalera.shared.members.map(\.server)
        let report = try await Hammer(settings).run(on: servers[0], servers[1], servers[2])
        #expect(report.exitCode == 0, "\(report)")
    }

    private static let graphs = 4
    private static let parents = 700
    private static let children = 25

    @Test func `what waits for hundreds is released when all have ended, whichever members write that`() async throws {
        let galera = try PrivateGalera.shared
        try await withCluster(at: galera.configuration()) { cluster in
            let writers = galera.members.map { member in
                let configuration = member.configuration(schema: cluster.configuration.schema)
                return TestCluster(
                    database: Database(configuration, logger: .silent),
                    configuration: configuration,
                    counters: cluster.counters
                )
            }
            let handler = RecordingHandler(BuiltInTask.noop.definition, log: EffectLog())
            for place in writers.indices { try await cluster.addNode("h\(place + 1)") }
            for graph in 0..<Self.graphs {
                let parents = (0..<Self.parents).map { _ in OperationID.new() }
                let noop = BuiltInTask.noop.name
                let requests =
                    parents.map { OperationRequest(tasks: [noop], id: $0) }
                    + (0..<Self.children).map { _ in OperationRequest(tasks: [noop], id: .new(), dependsOn: parents) }
                _ = try await writers[graph % writers.count].queue.submit(requests)
            }
            let all = Self.graphs * (Self.parents + Self.children)
            // What has been released, half of all and all of it, is what has ended, on each member.
            for share in [all / 2, all] {
                let workers = try writers.enumerated().map { place, writer in
                    try writer.liveWorker("h\(place + 1)", handlers: [handler], slots: 16)
                }
                try await cluster.withWorkers(workers) {
                    try await eventually("\(share) have ended", within: .seconds(400)) {
                        try await cluster.count("SELECT COUNT(*) FROM finished_operations") >= share
                    }
                }
                for writer in writers {
                    let wrong = try await writer.count(
                        """
                        SELECT COUNT(*) FROM work_queue AS w
                        WHERE unmet <> (SELECT COUNT(*) FROM operation_dependencies WHERE dependent = w.id)
                        """
                    )
                    #expect(wrong == 0)
                }
            }
            let complete = try await cluster.count(
                "SELECT COUNT(*) FROM finished_operations WHERE state = 'complete' AND failures = 0"
            )
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
            #expect(complete == all)
            for writer in writers { await writer.database.close() }
        }
    }
}

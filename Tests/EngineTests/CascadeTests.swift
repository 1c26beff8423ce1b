import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// What depends on an operation that ends is released or aborted in batches, each in a transaction that is soon over.
@Suite(.timeLimit(.minutes(15))) struct CascadeTests {
    private let noop = BuiltInTask.noop.name

    /// Several times the bound, and no multiple of it.
    private static let many = Cascade.mostAtOnce * 6 + 1

    /// Rows and index entries that one dependent locks, generously: its row, its edges, its place in history, the
    /// indexes of each.
    private static let locksOfOne = 12

    @Test func `an operation with thousands of dependents ends at once, and releases them in bounded transactions`()
        async throws
    {
        try await withCluster { cluster in
            let parent = try await cluster.root(dependents: Self.many)
            var worker = try cluster.worker()
            let result = try await worker.settle(try await worker.claim(), .succeeded(result: nil))
            #expect(result.ended == [parent] && result.isUnfinished)
            let (released, blocked) = (try await cluster.rows("queued"), try await cluster.rows("blocked"))
            #expect(released > 0 && released <= Cascade.mostAtOnce && released + blocked == Self.many)
            let locks = try await cluster.locksOfBatches()
            #expect(locks.count >= 5 && locks.count < 20, "\(locks)")
            #expect(locks.allSatisfy { $0 < Cascade.mostAtOnce * Self.locksOfOne }, "\(locks)")
            #expect(try await cluster.rows("queued") == Self.many)
            try await cluster.expectNothingLeft()
        }
    }

    @Test func `a cancel aborts a bounded number of what depends on it, says what is left, and the rest follows`()
        async throws
    {
        try await withCluster { cluster in
            let parent = try await cluster.root(dependents: Self.many)
            let child = try await cluster.database.withSession { session in
                try session.query("SELECT dependent FROM operation_dependencies ORDER BY dependent DESC LIMIT 1")[0]
                    .only(OperationID.self)
            }
            let grandchild = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [child])).uuid
            let cancellation = try await cluster.queue.cancel(parent)
            #expect(!cancellation.aborted.isEmpty && cancellation.aborted.count <= Cascade.mostAtOnce)
            #expect(cancellation.aborted.count + cancellation.dependentsLeft == Self.many)

            // What is doomed never runs, says so, and whatever is enqueued upon it is doomed with it.
            var worker = try cluster.worker()
            #expect(try await worker.claim().isEmpty)
            let view = try await cluster.connection.explanation(of: child)
            #expect(view.reasons.map(\.reason) == [.dependencyEnded] && view.reasons[0].operations == [parent])
            let late = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [parent]))
            #expect(late.state == .aborted)
            let lateChild = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [grandchild]))
            #expect(lateChild.state == .blocked)
            let after = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], runsAfter: [child])).uuid
            #expect(try await cluster.queue.cancel(grandchild).aborted == [lateChild.uuid])

            let locks = try await cluster.locksOfBatches()
            #expect(locks.count >= 5 && locks.allSatisfy { $0 < Cascade.mostAtOnce * Self.locksOfOne }, "\(locks)")
            #expect(try await worker.drain().map(\.id) == [after])
            #expect(
                try await cluster.count("SELECT COUNT(*) FROM finished_operations WHERE state = 'aborted'")
                    == Self.many + 2
            )
            #expect(try await cluster.operation(child).error?.message == "dependency \(parent) ended cancelled")
            try await cluster.expectNothingLeft()
        }
    }

    @Test func `a batch whose process dies before its COMMIT is done by the next one, and nothing twice`() async throws
    {
        try await withCluster { cluster in
            let parent = try await cluster.root(dependents: Self.many)
            _ = try await cluster.queue.cancel(parent)
            let before = try await cluster.rows("blocked")
            struct Died: Error {}
            let dying = try await Connection.open(cluster.configuration)
            await #expect(throws: Died.self) {
                try await dying.withTransaction { transaction in
                    let effects = try Ending.goOn(in: transaction)
                    #expect(effects?.ended.isEmpty == false)
                    throw Died()
                }
            }
            await dying.close()
            #expect(try await cluster.rows("blocked") == before)
            #expect(try await CascadeWork(database: cluster.database).batch() != nil)
            #expect(try await cluster.count("SELECT COUNT(*) FROM cascades") == 1, "a note until the last edge")
            try await cluster.execute("UPDATE cascades SET ended_at = ended_at - INTERVAL 2 MINUTE")
            let findings = try await cluster.database.withSession { DoctorCheck.cascades.view(on: $0).findings }
            #expect(findings.count == 1 && findings[0].message.contains("\(parent)"))
            let dangling = try await cluster.database.withSession { DoctorCheck.dependencies.view(on: $0).findings }
            #expect(dangling.isEmpty, "edges of a cascade are no damage")
            _ = try await cluster.locksOfBatches()
            #expect(try await cluster.rows("blocked") == 0)
            try await cluster.expectNothingLeft()
        }
    }

    @Test func `what one process goes on with is left to it by the others, and they do not wait for it`() async throws {
        try await withCluster { cluster in
            let parent = try await cluster.root(dependents: Self.many)
            _ = try await cluster.queue.cancel(parent)
            let other = CascadeWork(database: cluster.database)
            let holder = try await Connection.open(cluster.configuration)
            try await holder.withTransaction { transaction in
                let own = try CascadeStatements.lockNext(in: transaction).map(\.id)
                let effects = try blocking { try await other.batch() }
                #expect(own == [parent] && effects == nil)
            }
            await holder.close()
            #expect(try await other.batch() != nil)
        }
    }

    @Test func `several processes go on with cascades at once, and each operation ends once`() async throws {
        try await withCluster(connections: 12) { cluster in
            let width = Cascade.mostAtOnce + 100
            // Two roots with dependents in common: one completes, one fails; and a level below.
            let (good, bad) = (OperationID.new(), OperationID.new())
            var requests = [OperationRequest(tasks: [noop], id: good), OperationRequest(tasks: [noop], id: bad)]
            for index in 0..<width {
                let dependsOn = index % 3 == 0 ? [good] : index % 3 == 1 ? [bad] : [good, bad]
                requests.append(OperationRequest(tasks: [noop], id: .new(), dependsOn: dependsOn))
                let last = try #require(requests.last?.id)
                requests.append(OperationRequest(tasks: [noop], id: .new(), dependsOn: [last]))
            }
            _ = try await cluster.queue.submit(requests)
            var worker = try cluster.worker()
            let claims = try await worker.claim(2)
            let claimant = worker
            let ended = Locked([OperationID]())
            async let first = claimant.settle(claims.filter { $0.operation.id == good }, .succeeded(result: nil))
            async let second = cluster.queue.cancel(bad)
            let (settled, cancelled) = (try await first, try await second)
            ended.update { $0 += Array(settled.ended) + cancelled.aborted }
            try await worker.settle(claims.filter { $0.operation.id == bad }, .handedBack)
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<3 {
                    group.addTask {
                        while let effects = try await CascadeWork(database: cluster.database).batch() {
                            ended.update { $0 += Array(effects.ended) }
                        }
                    }
                }
            }
            _ = try await cluster.locksOfBatches()
            #expect(Set(ended.value).count == ended.value.count, "each ends in one transaction")
            let primaries = (0..<width).count { $0 % 3 == 0 }
            #expect(try await cluster.rows("queued") == primaries)
            #expect(try await cluster.rows("blocked") == primaries)
            #expect(
                try await cluster.count("SELECT COUNT(*) FROM finished_operations WHERE state = 'aborted'")
                    == 2 * (width - primaries)
            )
            #expect(try await cluster.count("SELECT COUNT(*) FROM cascades") == 0)
            #expect(
                try await cluster.count(
                    """
                    SELECT COUNT(*) FROM work_queue AS w
                    WHERE unmet <> (SELECT COUNT(*) FROM operation_dependencies AS e WHERE e.dependent = w.id)
                    """
                ) == 0
            )
        }
    }

    @Test func `a worker goes on with the cascade of what it ran, and runs all that it releases`() async throws {
        try await withCluster(connections: 12) { cluster in
            try await cluster.addNode("h1")
            let dependents = Cascade.mostAtOnce * 2 + 1
            _ = try await cluster.root(dependents: dependents)
            let worker = try cluster.liveWorker("h1", handlers: [NoopHandler()], slots: 64)
            try await cluster.withWorkers([worker]) {
                try await eventually("all have run", within: .seconds(120)) {
                    try await cluster.count("SELECT COUNT(*) FROM finished_operations") == dependents + 1
                }
            }
            #expect(
                try await cluster.count("SELECT COUNT(*) FROM finished_operations WHERE state <> 'complete'") == 0
            )
            try await cluster.expectNothingLeft()
        }
    }

    @Test func `one that waits for thousands is aborted in a batch of its own`() async throws {
        try await withCluster { cluster in
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: 1500)
            let parents = try await cluster.database.withSession { session in
                try session.query("SELECT id FROM work_queue WHERE id >= \(first) ORDER BY id")
                    .map { try $0.only(OperationID.self) }
            }
            for _ in 0..<3 {
                _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: parents))
            }
            let cancellation = try await cluster.queue.cancel(parents[0])
            #expect(cancellation.aborted.count == 1 && cancellation.dependentsLeft == 2)
            #expect(try await cluster.locksOfBatches().count == 2)
            #expect(try await cluster.count("SELECT COUNT(*) FROM operation_dependencies") == 0)
            try await cluster.expectNothingLeft()
        }
    }

    // MARK: Ends that did not know of an edge

    @Test(arguments: [OperationState.complete, .cancelled])
    func `what an end elsewhere has left behind is released or aborted`(_ state: OperationState) async throws {
        try await withCluster { cluster in
            let root = try await cluster.root(dependents: 3)
            let outcome: OperationOutcome = state == .complete ? .complete(result: nil) : .cancelled("by hand")
            try await cluster.endUnaware(root, outcome)
            #expect(try await cluster.rows("blocked") == 3)
            _ = try await Reaper(database: cluster.database, waker: NoWaker(), logger: .silent).pass()
            _ = try await cluster.locksOfBatches()
            #expect(try await cluster.rows("queued") == (state == .complete ? 3 : 0))
            #expect(
                try await cluster.count("SELECT COUNT(*) FROM finished_operations WHERE state = 'aborted'")
                    == (state == .complete ? 0 : 3)
            )
            try await cluster.expectNothingLeft()
        }
    }

    @Test func `an end on its way, and one that is gone on with, are not taken for forgotten`() async throws {
        try await withCluster { cluster in
            let root = try await cluster.root(dependents: 3)
            let reaper: @Sendable () -> Reaper = {
                Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            }
            try await cluster.execute("UPDATE work_queue SET deliveries = 1 WHERE id = \(root)")
            let holder = try await Connection.open(cluster.configuration)
            try await holder.withTransaction { transaction in
                let outcome = OperationOutcome.complete(result: nil)
                _ = try EndingStatements.lockFollowers([root], in: transaction)
                try EndingStatements.copyToHistory([root], outcome: outcome, in: transaction)
                try EndingStatements.delete([root], in: transaction)
                // Waits for nobody, and sees what has been committed.
                _ = try blocking { try await reaper().pass() }
                try CascadeStatements.insert([.init(id: root, state: .complete)], in: transaction)
            }
            await holder.close()
            #expect(try await cluster.count("SELECT COUNT(*) FROM cascades") == 1)
            _ = try await reaper().pass()
            #expect(try await cluster.count("SELECT COUNT(*) FROM cascades WHERE state = 'complete'") == 1)
            let forgotten = try await cluster.root(dependents: 1)
            try await cluster.endUnaware(forgotten, .complete(result: nil))
            _ = try await reaper().pass()
            #expect(try await cluster.count("SELECT COUNT(*) FROM cascades") == 2, "a note is in no other one's way")
            _ = try await cluster.locksOfBatches()
            #expect(try await cluster.rows("queued") == 4)
            try await cluster.expectNothingLeft()
        }
    }

    @Test func `of two who find the same one forgotten one notes it`() async throws {
        try await withCluster { cluster in
            let root = try await cluster.root(dependents: 3)
            try await cluster.endUnaware(root, .complete(result: nil))
            let isNoted = Locked(false)
            async let pass: Int = {
                try await eventually("another one has noted it") { isNoted.value }
                return try await Reaper(database: cluster.database, waker: NoWaker(), logger: .silent).pass()
            }()
            let holder = try await Connection.open(cluster.configuration)
            try await holder.withTransaction { transaction in
                try CascadeStatements.insert([.init(id: root, state: .complete)], in: transaction)
                isNoted.update { $0 = true }
                try blocking {
                    try await eventually("the reaper waits for that COMMIT") {
                        try await cluster.count(
                            """
                            SELECT COUNT(*) FROM information_schema.processlist
                            WHERE db = DATABASE() AND info LIKE 'INSERT INTO cascades%'
                            """
                        ) > 0
                    }
                }
            }
            await holder.close()
            _ = try await pass
            #expect(try await cluster.count("SELECT COUNT(*) FROM cascades") == 1)
            _ = try await cluster.locksOfBatches()
            #expect(try await cluster.rows("queued") == 3)
            try await cluster.expectNothingLeft()
        }
    }

    @Test func `of an operation that nobody knows any more nothing is assumed`() async throws {
        try await withCluster { cluster in
            let root = try await cluster.root(dependents: 3)
            try await cluster.execute("DELETE FROM work_queue WHERE id = \(root)")
            _ = try await Reaper(database: cluster.database, waker: NoWaker(), logger: .silent).pass()
            #expect(try await cluster.count("SELECT COUNT(*) FROM cascades") == 0)
            #expect(try await cluster.rows("blocked") == 3)
        }
    }
}

extension TestCluster {
    /// An operation that is ready, with many that must wait for it to complete.
    fileprivate func root(dependents: Int) async throws -> OperationID {
        let noop = BuiltInTask.noop.name
        let root = try await queue.enqueue(OperationRequest(tasks: [noop])).uuid
        _ = try await queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [root]), count: dependents)
        return root
    }

    /// Ends an operation as another server does, to which the edges to it had not come yet.
    fileprivate func endUnaware(_ id: OperationID, _ outcome: OperationOutcome) async throws {
        try await execute("UPDATE work_queue SET deliveries = 1 WHERE id = \(id)")
        try await database.withTransaction { transaction in
            try EndingStatements.copyToHistory([id], outcome: outcome, in: transaction)
            try EndingStatements.delete([id], in: transaction)
        }
    }

    fileprivate func rows(_ state: String) async throws -> Int {
        try await count("SELECT COUNT(*) FROM work_queue WHERE state = \(state)")
    }

    fileprivate func expectNothingLeft() async throws {
        #expect(try await count("SELECT COUNT(*) FROM cascades") == 0)
        #expect(try await count("SELECT COUNT(*) FROM operation_dependencies") == 0)
        #expect(try await count("SELECT COUNT(*) FROM work_queue WHERE state = 'blocked'") == 0)
    }
}

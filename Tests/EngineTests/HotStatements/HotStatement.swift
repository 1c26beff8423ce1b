import ClusterOpsTestKit
import ClusterStore
import MariaDB
import Testing

@testable import ClusterModel

/// A statement that is sent for each operation, each renewal or each pass, with what it may cost.
struct HotStatement: Sendable {
    /// The function that sends it.
    let name: String
    /// The indexes by which it reads large tables; of two that lead to one row the releases take either.
    let indexes: Set<String>
    /// The rows and entries that it reads at most, whatever the size of the backlog.
    let most: Int
    let run: @Sendable (borrowing Transaction, Stage) throws -> Void

    init(
        _ name: String,
        _ indexes: String...,
        most: Int,
        run: @escaping @Sendable (borrowing Transaction, Stage) throws -> Void
    ) {
        (self.name, self.indexes, self.most, self.run) = (name, Set(indexes), most, run)
    }

    /// Returns whether it was executed by its indexes, and by no others.
    func isExecuted(by found: Set<String>) -> Bool {
        let alternatives = indexes.map { index in
            let words = index.split(separator: " ")
            return Set(words.dropFirst(2).filter { $0 != "or" }.map { "\(words[0]) by \($0)" })
        }
        let isComplete = alternatives.allSatisfy { !$0.isDisjoint(with: found) }
        return isComplete && found.isSubset(of: alternatives.reduce(into: []) { $0.formUnion($1) })
    }

    /// All of them, in the order of an operation's life.
    static let all = enqueue + claim + end + cancel + keep + forget
}

extension HotStatement {
    /// Those that bring an operation in.
    static let enqueue = [
        HotStatement("AdmissionStatements.found", most: 60) { transaction, stage in
            let names = AdmissionStatements.Names(
                tasks: [BuiltInTask.noop.name, stage.coalescible.tasks[0]],
                networks: [try NetworkName("green")],
                nodes: [stage.worker.node],
                interfaces: []
            )
            _ = try AdmissionStatements.found(names, on: transaction.session)
        },
        HotStatement("EnqueueStatements.insert", most: 10) { transaction, stage in
            let plans = (0..<10).map { _ in OperationPlan(copying: stage.plan, id: .new()) }
            try EnqueueStatements.insert(plans.map { ($0, 0) }, requester: "test", on: transaction.session)
        },
        HotStatement(
            "EnqueueStatements.adoptable",
            "work_queue by work_by_lookup",
            "operation_labels by PRIMARY",
            most: 20
        ) { transaction, stage in
            let queue = stage.coalescible.queue
            let found = try EnqueueStatements.adoptable(
                stage.identity,
                queue: queue,
                attempts: 1,
                on: transaction.session
            )
            try stage.check(found != nil)
        },
        HotStatement("EnqueueStatements.improveLane", "work_queue by PRIMARY", most: 10) { transaction, stage in
            let queue = QueueName(.any, .userWaiting)
            try stage.check(
                EnqueueStatements.improveLane(
                    of: stage.waiting[0],
                    to: queue,
                    insteadOf: [.userFacing],
                    on: transaction.session
                )
            )
        },
        HotStatement(
            "OperationStatements.operations, live",
            "work_queue by PRIMARY",
            "finished_operations by PRIMARY",
            "operation_labels by PRIMARY",
            most: 30
        ) { transaction, stage in
            try stage.check(OperationStatements.operations(stage.waiting, on: transaction.session).count == 10)
        },
        HotStatement(
            "OperationStatements.operations, ended",
            "work_queue by PRIMARY",
            "finished_operations by PRIMARY",
            "operation_labels by PRIMARY",
            most: 70
        ) { transaction, stage in
            try stage.check(OperationStatements.operations(stage.ended, on: transaction.session).count == 10)
        },
        HotStatement(
            "OperationStatements.states",
            "work_queue by PRIMARY",
            "finished_operations by PRIMARY",
            most: 80
        ) { transaction, stage in
            let ids = stage.waiting + stage.ended
            try stage.check(OperationStatements.states(of: ids, on: transaction.session).count == 20)
        },
        HotStatement("EnqueueStatements.lockLive", "work_queue by PRIMARY", most: 20) { transaction, stage in
            try stage.check(EnqueueStatements.lockLive(stage.waiting, in: transaction).count == 10)
        },
        HotStatement("EnqueueStatements.finishedStates", "finished_operations by PRIMARY", most: 40) {
            transaction,
            stage in
            try stage.check(EnqueueStatements.finishedStates(of: stage.ended, on: transaction.session).count == 10)
        },
        HotStatement(
            "EnqueueStatements.insertEdges",
            "operation_dependencies by PRIMARY",
            most: 60
        ) { transaction, stage in
            // The procedure takes no more edges than the dependents count. The server logs no plans of what is in it.
            let edges = stage.edges.map {
                EnqueueStatements.Edge(dependency: $0.0, dependent: $0.1, mustComplete: true)
            }
            try EndingStatements.deleteEdges(edges.map { ($0.dependency, $0.dependent) }, in: transaction)
            try EnqueueStatements.insertEdges(edges, in: transaction)
        },
        HotStatement("CoalescingStatements.insert", most: 4) { transaction, stage in
            let adoption = CoalescingStatements.Adoption(operation: stage.waiting[0], requester: "test")
            try CoalescingStatements.insert([adoption], in: transaction)
        },
        HotStatement("CoalescingStatements.add", most: 10) { transaction, _ in
            let key = CoalescingStatements.Key(task: BuiltInTask.noop.name, outcome: "executed")
            try CoalescingStatements.add([key: 1], shard: 0, in: transaction)
        },
    ]

    /// Those by which a worker takes operations.
    static let claim = [
        // All that waits is more than this may read, and then one more than it may return.
        HotStatement(
            "ClaimStatements.candidates, everything",
            "work_queue by claim",
            "running_targets by PRIMARY",
            most: 220
        ) { transaction, stage in
            let look = ClaimStatements.Look.everything(most: 64)
            let found = try ClaimStatements.candidates(in: stage.queues, look, on: transaction.session)
            try stage.check(found.isCutOff == (stage.backlog > 64))
        },
        HotStatement(
            "ClaimStatements.candidates, heads",
            "work_queue by claim",
            "running_targets by PRIMARY",
            most: 260
        ) { transaction, stage in
            let look = ClaimStatements.Look.heads(ofEach: 40)
            let found = try ClaimStatements.candidates(in: stage.queues, look, on: transaction.session)
            try stage.check(found.candidates.count > 30)
        },
        HotStatement(
            "ClaimStatements.candidates, by task",
            "work_queue by claim_by_task",
            "running_targets by PRIMARY",
            most: 260
        ) {
            transaction,
            stage in
            let filter = ClaimFilter(tasks: [BuiltInTask.noop.name] + stage.coalescible.tasks, mixed: Set(stage.queues))
            let look = ClaimStatements.Look.heads(ofEach: 40)
            let found = try ClaimStatements.candidates(in: stage.queues, look, filter, on: transaction.session)
            try stage.check(found.candidates.count > 30)
        },
        HotStatement("ClaimStatements.lockWaiting", "work_queue by PRIMARY", "operation_labels by PRIMARY", most: 30) {
            transaction,
            stage in
            let locked = try ClaimStatements.lockWaiting(
                stage.waiting,
                for: stage.worker,
                ifHeld: .skip,
                in: transaction
            )
            try stage.check(locked.operations.count == 10)
        },
        HotStatement("TargetStatements.take", most: 4) { transaction, stage in
            let key = stage.coalescible.exclusiveKey ?? ""
            try stage.check(TargetStatements.take(key, for: stage.siblings[0], in: transaction))
        },
        HotStatement("ClaimStatements.start", "work_queue by PRIMARY", most: 20) { transaction, stage in
            try ClaimStatements.start(stage.waiting, by: stage.worker, at: stage.moment, in: transaction)
        },
        HotStatement("ClaimStatements.waitingSiblings", "work_queue by work_by_lookup", most: 10) {
            transaction,
            stage in
            let found = try ClaimStatements.waitingSiblings(of: [stage.identity], on: transaction.session)
            try stage.check(Set(found) == Set(stage.siblings))
        },
        HotStatement("ClaimStatements.lockSiblings", "work_queue by PRIMARY", most: 10) { transaction, stage in
            try stage.check(ClaimStatements.lockSiblings(stage.siblings, in: transaction).count == 3)
        },
        HotStatement("ClaimStatements.fold", "work_queue by PRIMARY", most: 10) { transaction, stage in
            try ClaimStatements.fold(stage.siblings, into: stage.primary, startedAt: stage.moment, in: transaction)
        },
    ]
}

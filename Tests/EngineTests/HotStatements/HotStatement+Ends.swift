import ClusterOpsTestKit
import ClusterStore
import MariaDB
import Testing

@testable import ClusterModel

extension HotStatement {
    /// Those by which attempts and operations end.
    static let end = [
        HotStatement("EndingStatements.lockClaims", "work_queue by PRIMARY", most: 20) { transaction, stage in
            let session = stage.worker.session
            let locked = try EndingStatements.lockClaims(stage.running, of: session, ifHeld: .skip, in: transaction)
            try stage.check(locked.count == 10)
        },
        HotStatement("EndingStatements.standingClaims", "work_queue by PRIMARY", most: 20) { transaction, stage in
            let session = stage.worker.session
            let found = try EndingStatements.standingClaims(stage.running, of: session, on: transaction.session)
            try stage.check(found.count == 10)
        },
        HotStatement("OutputStatements.write", most: 10) { transaction, stage in
            let tail = OutputTail(place: 0, stream: .stdout, bytes: [0x61], total: 1)
            let printed = stage.running.map { OutputStatements.Printed(operation: $0, delivery: 1, tail: tail) }
            try OutputStatements.write(printed, in: transaction)
        },
        HotStatement(
            "TargetStatements.free",
            "work_queue by PRIMARY",
            "running_targets by PRIMARY",
            most: 10
        ) { transaction, stage in
            try TargetStatements.free(by: [stage.primary], in: transaction)
        },
        HotStatement(
            "EndingStatements.concerned",
            "work_queue by work_by_lookup",
            "operation_dependencies by PRIMARY",
            "operation_waiters by PRIMARY",
            most: 60
        ) { transaction, stage in
            let found = try EndingStatements.concerned(byEndsOf: stage.running + [stage.primary], in: transaction)
            try stage.check(Set(found.followers) == Set(stage.followers) && found.haveDependents)
        },
        HotStatement("EndingStatements.lockFollowers", "work_queue by PRIMARY", most: 10) { transaction, stage in
            try stage.check(EndingStatements.lockFollowers(stage.followers, in: transaction).count == 2)
        },
        HotStatement("EndingStatements.copyToHistory", "work_queue by PRIMARY", most: 60) { transaction, stage in
            let ids = stage.running + stage.followers
            try EndingStatements.copyToHistory(ids, outcome: .complete(result: nil), in: transaction)
        },
        HotStatement(
            "EndingStatements.delete",
            "work_queue by PRIMARY",
            "finished_operations by PRIMARY",
            most: 150
        ) { transaction, stage in
            // What is not in history stays; the rows of both are counted.
            let ids = stage.running + stage.followers
            try EndingStatements.copyToHistory(ids, outcome: .complete(result: nil), in: transaction)
            try EndingStatements.delete(ids, in: transaction)
        },
        HotStatement("EndingStatements.edges(from:)", "operation_dependencies by PRIMARY", most: 30) {
            transaction,
            stage in
            let found = try EndingStatements.edges(from: stage.running, limit: 100, in: transaction)
            try stage.check(found.edges.count == 2)
        },
        HotStatement("EndingStatements.deleteEdges", "operation_dependencies by PRIMARY", most: 20) {
            transaction,
            stage in
            try EndingStatements.deleteEdges(stage.edges.map { ($0.0, $0.1) }, in: transaction)
        },
        HotStatement("EndingStatements.edgeCounts", "operation_dependencies by dependencies_of", most: 20) {
            transaction,
            stage in
            let counts = try EndingStatements.edgeCounts(into: stage.edges.map(\.1), in: transaction)
            try stage.check(counts.values.allSatisfy { $0 == 1 })
        },
        HotStatement("EndingStatements.edges(into:)", "operation_dependencies by dependencies_of", most: 20) {
            transaction,
            stage in
            try stage.check(EndingStatements.edges(into: stage.edges.map(\.1), in: transaction).count == 2)
        },
        HotStatement("EndingStatements.release", "work_queue by PRIMARY", most: 20) { transaction, stage in
            try EndingStatements.release(stage.edges.map { ($0.1, 1) }, in: transaction)
        },
        HotStatement("EndingStatements.lockBlocked", "work_queue by PRIMARY", most: 20) { transaction, stage in
            try stage.check(EndingStatements.lockBlocked(stage.edges.map(\.1), in: transaction).count == 2)
        },
        HotStatement("EndingStatements.readyQueues", "work_queue by PRIMARY", most: 30) { transaction, stage in
            try stage.check(EndingStatements.readyQueues(of: stage.waiting, in: transaction).count == 1)
        },
        HotStatement("EndingStatements.standing", "work_queue by PRIMARY", most: 4) { transaction, stage in
            try stage.check(EndingStatements.standing(of: stage.running[0], in: transaction) != nil)
        },
        HotStatement("EndingStatements.followersLanes", "work_queue by work_by_lookup", most: 40) {
            transaction,
            stage in
            let lanes = try EndingStatements.followersLanes(of: stage.running + [stage.primary], in: transaction)
            try stage.check(lanes.count == 1)
        },
        HotStatement("EndingStatements.requeue", "work_queue by PRIMARY", most: 4) { transaction, stage in
            try EndingStatements.requeue(stage.running[0], Requeue(history: []), in: transaction)
        },
        HotStatement("EndingStatements.move", "work_queue by PRIMARY", most: 10) { transaction, stage in
            let queue = QueueName(.any, .userWaiting)
            try stage.check(EndingStatements.move(stage.waiting[0], to: queue, in: transaction))
        },
        HotStatement("WaiterStatements.waiters", "operation_waiters by PRIMARY", most: 30) { transaction, stage in
            try stage.check(WaiterStatements.waiters(for: stage.running, on: transaction.session).count == 1)
        },
        HotStatement("CascadeStatements.insert", most: 10) { transaction, stage in
            let ended = stage.running.map { CascadeStatements.Ended(id: $0, state: .complete) }
            try CascadeStatements.insert(ended, in: transaction)
        },
        HotStatement(
            "CascadeStatements.haveDependents",
            "finished_operations by PRIMARY",
            "operation_dependencies by PRIMARY",
            most: 80
        ) { transaction, stage in
            _ = try CascadeStatements.haveDependents(stage.ended, in: transaction)
        },
    ]

    /// Those by which operations end that nobody runs.
    static let cancel = [
        HotStatement("CancelStatements.lock", "work_queue by PRIMARY", most: 4) { transaction, stage in
            try stage.check(CancelStatements.lock(stage.waiting[0], in: transaction) != nil)
        },
        HotStatement("CancelStatements.request", "work_queue by PRIMARY", most: 20) { transaction, stage in
            try CancelStatements.request(stage.running, by: "test", in: transaction)
        },
        HotStatement("CancelStatements.unfold", "work_queue by PRIMARY", most: 10) { transaction, stage in
            try CancelStatements.unfold(stage.followers, from: stage.primary, in: transaction)
        },
        HotStatement("CancelStatements.overdue", "work_queue by work_by_lookup", most: 10) { transaction, stage in
            let found = try CancelStatements.overdue(limit: 100, on: transaction.session)
            try stage.check(Set(found) == Set(stage.overdue))
        },
        HotStatement("CancelStatements.lockOverdue", "work_queue by PRIMARY", most: 10) { transaction, stage in
            try stage.check(CancelStatements.lockOverdue(stage.overdue, ifHeld: .skip, in: transaction).count == 2)
        },
    ]
}

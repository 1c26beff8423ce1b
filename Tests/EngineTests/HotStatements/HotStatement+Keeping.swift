import ClusterOpsTestKit
import ClusterStore
import MariaDB
import Testing

@testable import ClusterModel

extension HotStatement {
    /// Those of renewals, and of a reaper's pass.
    static let keep = [
        HotStatement("SessionStatements.renew", "sessions by PRIMARY", most: 4) { transaction, stage in
            let session = stage.worker.session
            try stage.check(
                SessionStatements.renew(session, lease: .seconds(10), doorbell: nil, on: transaction.session)
            )
        },
        HotStatement(
            "SessionSnapshotStatements.look",
            "sessions by living_sessions or PRIMARY",
            "work_queue by work_by_session",
            "work_queue by work_by_lookup",
            "work_queue by work_by_ready_set",
            "work_queue by claim",
            "running_targets by PRIMARY",
            "cascades by PRIMARY or nothing",
            most: 120
        ) { transaction, stage in
            let seen = try SessionSnapshotStatements.look(
                from: stage.worker.session,
                on: stage.worker.nodeID,
                into: stage.queues,
                on: transaction.session
            )
            let part = seen.cluster
            try stage.check(seen.hasWork && part?.hasOrphans == true && part?.hasOverdue == true)
            try stage.check(seen.executing.count == 11 && part?.hasAhead == false)
        },
        HotStatement("SessionStatements.ring", "sessions by living_sessions", most: 10) { transaction, stage in
            let window = try SessionStatements.ring(after: stage.worker.session, RingReading(), on: transaction.session)
            try stage.check(window.sightings.count >= RingReading.narrowest)
        },
        HotStatement("SessionStatements.executing", "work_queue by work_by_session", most: 20) { transaction, stage in
            let found = try SessionStatements.executing(stage.worker.session, on: transaction.session)
            try stage.check(found.count == 11)
        },
        HotStatement("SessionStatements.markDead", "sessions by PRIMARY or living_sessions", most: 4) {
            transaction,
            stage in
            let session = stage.worker.session
            try stage.check(SessionStatements.markDead(session, renewals: 0, on: transaction.session))
        },
        HotStatement(
            "SessionStatements.orphans",
            "work_queue by work_by_session",
            "sessions by PRIMARY or living_sessions",
            most: 40
        ) { transaction, stage in
            let found = try SessionStatements.orphans(limit: 100, on: transaction.session)
            try stage.check(Set(found) == Set(stage.orphans))
        },
        HotStatement(
            "SessionStatements.lockOrphans",
            "work_queue by PRIMARY",
            "sessions by PRIMARY or living_sessions",
            most: 10
        ) { transaction, stage in
            let locked = try SessionStatements.lockOrphans(stage.orphans, ifHeld: .skip, in: transaction)
            try stage.check(locked.count == 2)
        },
        HotStatement("SessionStatements.runElsewhere", "work_queue by claim", most: 20) { transaction, stage in
            let queues = [QueueName(.networkNode, .userWaiting)]
            let node = stage.other
            let found = try SessionStatements.runElsewhere(queues, than: node, limit: 100, on: transaction.session)
            try stage.check(found == [stage.primary])
        },
        HotStatement("ClockStatements.ahead", "work_queue by work_by_ready_set", most: 4) { transaction, stage in
            try stage.check(ClockStatements.ahead(limit: 100, on: transaction.session).isEmpty)
        },
        HotStatement(
            // All targets that are held: as many as operations run.
            "TargetStatements.forgotten",
            "running_targets by nothing",
            "work_queue by PRIMARY",
            most: 10
        ) { transaction, stage in
            try stage.check(TargetStatements.forgotten(on: transaction.session).isEmpty)
        },
        HotStatement("CascadeStatements.lockNext", "cascades by PRIMARY", most: 4) { transaction, _ in
            _ = try CascadeStatements.lockNext(in: transaction)
        },
        // The first edges, as many as one pass looks at, each with its end in history, its row and what is noted.
        HotStatement(
            "CascadeStatements.noteForgotten",
            "operation_dependencies by PRIMARY",
            "finished_operations by PRIMARY",
            "work_queue by PRIMARY",
            "cascades by PRIMARY",
            most: 7 * CascadeStatements.mostRepaired
        ) { transaction, _ in
            _ = try CascadeStatements.noteForgotten(on: transaction.session)
        },
    ]

    /// Those by which history is forgotten.
    static let forget = [
        HotStatement("HistoryStatements.lockOutlived", "finished_operations by finished_by_end", most: 1010) {
            transaction,
            stage in
            let limit = HistoryStatements.batch
            let locked = try HistoryStatements.lockOutlived(endedBefore: stage.moment, limit: limit, in: transaction)
            try stage.check(locked.count == min(limit, stage.backlog))
        },
        HotStatement(
            "HistoryStatements.delete",
            "finished_operations by PRIMARY",
            "attempt_outputs by PRIMARY",
            "adoptions by adoptions_of",
            "operation_labels by PRIMARY",
            "retries by PRIMARY",
            "aborted_dependents by aborted_dependents_by_dependent",
            most: 300
        ) { transaction, stage in
            try HistoryStatements.delete(stage.ended, in: transaction)
        },
        // Up to 10,000 are counted, and of more the server's estimate is taken.
        HotStatement("HistoryStatements.size", "finished_operations by finished_by_end", most: 20_010) {
            transaction,
            _ in
            _ = try HistoryStatements.size(in: transaction)
        },
    ]
}

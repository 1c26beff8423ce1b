import ClusterModel
import ClusterStore
import MariaDB

/// Makes an id that is sent twice one operation: with the same content the answer is the first one's, with other
/// content a conflict, also when the first has ended long ago.
///
/// The content is what the work is: tasks, target, parameters and dependencies. Parameters are compared as JSON
/// values, numbers as they are written. Lane, delay and deadline are how it is queued, and may have changed since.
struct IdempotentEnqueue {
    private let plans: [OperationPlan]

    init(_ plans: [OperationPlan]) {
        self.plans = plans.filter(\.hasCallersID)
    }

    /// Receipts of the operations that exist already.
    ///
    /// Only ids that callers gave are looked for.
    func alreadyThere(in transaction: borrowing Transaction) throws -> [OperationID: OperationReceipt] {
        guard !plans.isEmpty else { return [:] }
        // Under a lock: the first sending may still be in its COMMIT.
        _ = try EnqueueStatements.lockLive(plans.map(\.id), in: transaction)
        var receipts: [OperationID: OperationReceipt] = [:]
        for operation in try OperationStatements.operations(plans.map(\.id), on: transaction.session) {
            guard let plan = plans.first(where: { $0.id == operation.id }) else { continue }
            try plan.refuseOtherContent(operation)
            receipts[operation.id] = OperationReceipt(
                uuid: operation.id,
                queueName: operation.queue,
                state: operation.state,
                deduplicated: false
            )
        }
        return receipts
    }

    /// Runs the INSERT; one that meets the same id, sent by somebody else since our look, begins the transaction again.
    func beginningAgainIfSentTwice(_ insert: () throws -> Void) throws {
        do {
            try insert()
        } catch let error as DatabaseError {
            guard !plans.isEmpty, error.duplicateKey == "PRIMARY" else { throw error }
            throw Self.metAnother
        }
    }

    /// After the INSERT: an id that ended between our look and our INSERT must not live a second time.
    ///
    /// - Throws: A conflict, so that the transaction begins again and then finds it.
    func refuseEnded(in transaction: borrowing Transaction) throws {
        let ended = try EnqueueStatements.finishedStates(of: plans.map(\.id), on: transaction.session)
        guard ended.isEmpty else {
            throw Self.metAnother
        }
    }

    private static var metAnother: DatabaseError {
        .conflict("an operation of the same id came or ended meanwhile")
    }
}

extension OperationPlan {
    fileprivate func refuseOtherContent(_ operation: Operation) throws(ClusterOpsError) {
        var differences: [String] = []
        if operation.tasks != tasks { differences.append("tasks") }
        if operation.target != target { differences.append("target") }
        if !Self.isSameContent(operation.parameters, parameters) { differences.append("parameters") }
        if operation.dependsOn != dependsOn || operation.runsAfter != runsAfter { differences.append("dependencies") }
        guard differences.isEmpty else {
            throw ClusterOpsError(
                .conflict,
                "operation \(id) exists already with other \(differences.joined(separator: " and ")): "
                    + "an id is for one operation"
            )
        }
    }

    /// Compares documents, not texts: blanks and the order of keys are no content.
    private static func isSameContent(_ one: String?, _ other: String?) -> Bool {
        if one == other { return true }
        guard let one, let other,
            let first = try? JSONValue(parsing: one, limits: .parameters),
            let second = try? JSONValue(parsing: other, limits: .parameters)
        else { return false }
        return first == second
    }

    /// The same work under another id, as `--count` asks for.
    func copyWithNewID() -> OperationPlan {
        OperationPlan(copying: self, id: .new())
    }
}

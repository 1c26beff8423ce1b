import ClusterModel
import ClusterStore
import MariaDB

/// Records which of some new operations do an ended one again, so that nobody retries that one a second time.
struct RetryRecords {
    private let plans: [OperationPlan]

    init(_ plans: [OperationPlan]) {
        self.plans = plans.filter { $0.retryOf != nil }
    }

    /// Somebody has retried one of the operations since the retry was planned.
    struct RetriedMeanwhile: Error {}

    /// Writes the records in the transaction that inserts the new operations.
    ///
    /// - Throws: ``RetriedMeanwhile``; `ClusterOpsError` with code `notFound` for one that history has forgotten.
    func write(requester: String, in transaction: borrowing Transaction) throws {
        guard !plans.isEmpty else { return }
        let held = try RetryStatements.hold(plans.compactMap(\.retryOf), in: transaction)
        if let gone = plans.compactMap(\.retryOf).first(where: { !held.contains($0) }) {
            throw ClusterOpsError(.notFound, "there is no ended operation '\(gone)'")
        }
        do {
            try RetryStatements.record(retries(repeated: false), requester: requester, on: transaction.session)
        } catch {
            guard error.duplicateKey == "PRIMARY" else { throw error }
            throw RetriedMeanwhile()
        }
        try RetryStatements.replace(retries(repeated: true), requester: requester, on: transaction.session)
    }

    private func retries(repeated: Bool) -> [RetryStatements.Retry] {
        plans.filter { $0.repeatsRetry == repeated }.compactMap { plan in
            plan.retryOf.map { RetryStatements.Retry(operation: $0, retriedAs: plan.id) }
        }
    }
}

import ClusterOpsTestKit
import Dispatch
import MariaDB

/// Lets a synchronous body, which runs on its connection's own thread, wait for what another connection does.
func blocking<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) throws -> Result {
    let done = DispatchSemaphore(value: 0)
    let outcome = Locked<Swift.Result<Result, any Error>?>(nil)
    Task {
        do {
            let result = try await body()
            outcome.update { $0 = .success(result) }
        } catch {
            outcome.update { $0 = .failure(error) }
        }
        done.signal()
    }
    done.wait()
    guard let result = outcome.value else { preconditionFailure("the body has ended") }
    return try result.get()
}

extension TestCluster {
    /// Waits until the server works on a statement of this schema that locks rows for writing.
    ///
    /// While another transaction holds the row, that one waits for it. (`innodb_trx` would tell, but is not renewed for
    /// whoever asks more often than ten times a second.)
    func untilSomebodyLocksForUpdate() async throws {
        try await eventually("somebody locks for update") {
            try await count(
                """
                SELECT COUNT(*) FROM information_schema.processlist
                WHERE db = DATABASE() AND id <> CONNECTION_ID() AND info LIKE '%FOR UPDATE'
                """
            ) > 0
        }
    }
}

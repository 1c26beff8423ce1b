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
    /// Waits until a connection to this schema waits for a row that another one has locked.
    func untilSomebodyWaitsForALock() async throws {
        try await eventually("somebody waits for a lock") {
            try await count(
                """
                SELECT COUNT(*) FROM information_schema.innodb_trx AS t
                    JOIN information_schema.processlist AS p ON p.id = t.trx_mysql_thread_id
                WHERE t.trx_state = 'LOCK WAIT' AND p.db = DATABASE()
                """
            ) > 0
        }
    }
}

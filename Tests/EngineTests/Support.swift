import ClusterOpsTestKit
import Dispatch

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

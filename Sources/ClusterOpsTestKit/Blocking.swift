import Dispatch

/// Lets a synchronous body, which runs on its connection's own thread, wait for what another connection does.
///
/// A task of its own, because a body that is synchronous can have no child; it is waited for, so it outlives nothing.
/// - Parameter body: Runs on another thread than the caller's, which has to be none of the cooperative pool.
/// - Returns: What it returned.
/// - Throws: What it throws.
public func blocking<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) throws -> Result {
    let done = DispatchSemaphore(value: 0)
    let outcome = Locked<Swift.Result<Result, any Error>?>(nil)
    // Before other tests: the caller may have a transaction open, which the server ends after a while.
    Task(priority: .high) {
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

import ClusterEngine
import ClusterModel
import Synchronization

/// One read for all who ask for the same thing at the same time, each answered as if it had asked alone.
///
/// A hundred dashboards that refresh at once cost two reads: the first one's, and one for all who came meanwhile. See
/// `ReadRounds` for who reads.
package final class SharedRead<Value: Sendable>: Sendable {
    private typealias Asker = UInt64

    private enum Turn: Sendable {
        case read
        case answer(Result<Value, any Error>)
    }

    private struct State {
        var rounds = ReadRounds<Asker>()
        var continuations: [Asker: CheckedContinuation<Turn, Never>] = [:]
        var lastAsker: Asker = 0
    }

    private let state = Mutex(State())
    private let read: @Sendable () async throws -> Value

    /// Shares a read, which must depend on nothing of its caller's.
    init(_ read: @escaping @Sendable () async throws -> Value) {
        self.read = read
    }

    /// Returns what the read finds at a moment after this call.
    ///
    /// - Throws: What the read throws; `CancellationError` when the caller is cancelled, whom the others do not notice.
    package func value() async throws -> Value {
        switch await turn() {
        case .answer(let result): return try result.get()
        case .read: break
        }
        do {
            let value = try await read()
            answer(.success(value))
            return value
        } catch {
            if error is CancellationError || Task.isCancelled { giveUp() } else { answer(.failure(error)) }
            throw error
        }
    }

    /// The number of callers that wait for another caller's read.
    var waiters: Int { state.withLock { $0.continuations.count } }

    private func turn() async -> Turn {
        let asker = state.withLock { state in
            state.lastAsker += 1
            return state.lastAsker
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let turn: Turn? = state.withLock { state in
                    // A cancellation that came before has found nobody to let go.
                    if Task.isCancelled { return .answer(.failure(CancellationError())) }
                    if state.rounds.ask(asker) { return .read }
                    state.continuations[asker] = continuation
                    return nil
                }
                if let turn { continuation.resume(returning: turn) }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                state.rounds.leave(asker) ? state.continuations.removeValue(forKey: asker) : nil
            }
            continuation?.resume(returning: .answer(.failure(CancellationError())))
        }
    }

    private func answer(_ result: Result<Value, any Error>) {
        let (sharing, reader) = state.withLock { state in
            let (sharing, reader) = state.rounds.answered()
            return (
                sharing.compactMap { state.continuations.removeValue(forKey: $0) },
                reader.flatMap { state.continuations.removeValue(forKey: $0) }
            )
        }
        // First, so that the next read runs while the others take their answers.
        reader?.resume(returning: .read)
        for continuation in sharing { continuation.resume(returning: .answer(result)) }
    }

    private func giveUp() {
        let reader = state.withLock { state in
            state.rounds.givenUp().flatMap { state.continuations.removeValue(forKey: $0) }
        }
        reader?.resume(returning: .read)
    }
}

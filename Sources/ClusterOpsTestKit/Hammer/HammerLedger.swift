import ClusterModel

/// The promises that callers have been given, and the errors that they have met.
final class HammerLedger: Sendable {
    /// A promise: this operation does what was asked, after the wanted state had this version.
    struct Promise: Sendable {
        var need: Int?
        /// A Boolean value that indicates whether it may end `aborted`, because a dependency of it has failed.
        var mayBeAborted: Bool
        /// The ways in which it was asked for, as whoever looks for a lost one has to know.
        var ways: [String] = []
    }

    struct Contents: Sendable {
        var promises: [OperationID: Promise] = [:]
        var requests = 0
        var adopted = 0
        var sentTwice = 0
        /// Requests that ended in "unreachable": the caller knows that it knows nothing.
        var unanswered = 0
        /// Transactions of a caller's own whose outcome it had to find out itself.
        var resolved = 0
        /// Answers that no caller should ever see.
        var complaints: [String] = []
        var kills = 0
        var isolations = 0
        var drops = 0
    }

    private let state = Locked(Contents())
    private let hanging = Locked<Set<String>>([])

    var contents: Contents { state.value }

    /// Returns whether what a node starts now goes on until the node is told to stop.
    func hangs(_ node: String) -> Bool { hanging.value.contains(node) }

    func setHanging(_ node: String, _ isHanging: Bool) {
        hanging.update { hanging in
            if isHanging { hanging.insert(node) } else { hanging.remove(node) }
        }
    }

    func note(_ change: (inout Contents) -> Void) {
        state.update { change(&$0) }
    }

    /// Takes note of an answer.
    func acknowledge(_ id: OperationID, _ way: String, need: Int? = nil, mayBeAborted: Bool = false) {
        state.update { state in
            var promise = state.promises[id] ?? Promise(need: nil, mayBeAborted: mayBeAborted)
            promise.ways.append(way)
            if let need { promise.need = max(promise.need ?? need, need) }
            state.promises[id] = promise
        }
    }
}

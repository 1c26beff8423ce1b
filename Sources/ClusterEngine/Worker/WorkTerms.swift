import ClusterModel

/// The handlers of a worker, and the rule by which it claims; a reload may change them between two claims.
package struct WorkTerms: Sendable {
    package var handlers: [any TaskHandler]
    /// The time that an operation may wait before it counts for the reserved share of slots.
    package var stalenessBound: Duration

    package init(handlers: [any TaskHandler], stalenessBound: Duration) {
        self.handlers = handlers
        self.stalenessBound = stalenessBound
    }

    /// The definitions of the tasks that the cluster is told this node can run.
    var registered: [TaskDefinition] {
        handlers.map(\.definition).filter { $0.kind == .command && $0.name != BuiltInTask.noop.name }
    }
}

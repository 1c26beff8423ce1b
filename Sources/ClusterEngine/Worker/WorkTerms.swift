import ClusterModel

/// What a worker can run and by which rule it picks; a reload may change it between two claims.
package struct WorkTerms: Sendable {
    package var handlers: [any TaskHandler]
    /// How long an operation may wait before it counts for the reserved share of slots.
    package var stalenessBound: Duration

    package init(handlers: [any TaskHandler], stalenessBound: Duration) {
        self.handlers = handlers
        self.stalenessBound = stalenessBound
    }

    /// What the cluster is told that this node can run.
    var registered: [TaskDefinition] {
        handlers.map(\.definition).filter { $0.kind == .command && $0.name != BuiltInTask.noop.name }
    }
}

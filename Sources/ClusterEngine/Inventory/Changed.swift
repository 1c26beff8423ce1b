import ClusterModel

/// An object whose wanted state was changed, with the operations that apply the change.
package struct Changed<Object: Sendable>: Sendable {
    /// The object after the change; as it was before, when it has been removed.
    package let object: Object
    /// The operations that were enqueued with the change, in the same transaction.
    package let operations: [OperationID]

    init(_ object: Object, operations: [OperationID]) {
        self.object = object
        self.operations = operations
    }
}

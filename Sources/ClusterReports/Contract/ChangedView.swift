import ClusterModel

/// An object whose wanted state was changed, with the operations that apply the change.
///
/// In JSON the object's own keys and `operations` stand side by side.
package struct ChangedView<Object: Codable & Sendable>: Codable, Sendable {
    /// The object after the change; as it was before, when it has been removed.
    package let object: Object
    /// The operations that were enqueued with the change, in the same transaction.
    package let operations: [OperationID]

    /// Joins an object and operations.
    package init(_ object: Object, operations: [OperationID]) {
        self.object = object
        self.operations = operations
    }

    private enum CodingKeys: String, CodingKey {
        case operations
    }

    /// Reads the object's keys and `operations` from one JSON object.
    package init(from decoder: any Decoder) throws {
        object = try Object(from: decoder)
        operations = try decoder.container(keyedBy: CodingKeys.self).decode([OperationID].self, forKey: .operations)
    }

    /// Writes the object's keys and `operations` into one JSON object.
    package func encode(to encoder: any Encoder) throws {
        try object.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(operations, forKey: .operations)
    }
}

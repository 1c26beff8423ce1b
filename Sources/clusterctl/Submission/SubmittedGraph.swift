import ClusterModel

/// Operations that depend on each other, as a document describes them; pure.
package struct SubmittedGraph: Sendable {
    /// A document is read whole; 10,000 operations of ordinary size take less.
    package static let largestDocument = 1 << 20

    /// The names that the document gives to the operations, in its order.
    package let refs: [String]
    /// One request for each, with ids that the edges name.
    package let requests: [OperationRequest]

    /// Reads a document.
    ///
    /// - Throws: `ClusterOpsError` with code `invalid`, naming the operation by its ref, and the key.
    package init(_ document: JSONValue) throws(ClusterOpsError) {
        guard case .object(let top) = document, case .array(let list)? = top["operations"], top.count == 1 else {
            throw ClusterOpsError(.invalid, "expected a document of one key, \"operations\", with a list")
        }
        guard !list.isEmpty else { throw ClusterOpsError(.invalid, "operations: expected one at least") }
        var entries: [SubmittedOperation] = []
        for (index, value) in list.enumerated() {
            entries.append(try SubmittedOperation(value, place: "operations[\(index)]"))
        }
        let ids = try Self.identify(entries)
        try Self.refuseCycles(entries)
        var requests: [OperationRequest] = []
        for entry in entries { requests.append(try entry.request(ids: ids)) }
        refs = entries.map(\.ref)
        self.requests = requests
    }

    private static func identify(_ entries: [SubmittedOperation]) throws(ClusterOpsError) -> [String: OperationID] {
        var ids: [String: OperationID] = [:]
        for entry in entries {
            let id = entry.id ?? .new()
            guard ids.updateValue(id, forKey: entry.ref) == nil else {
                throw ClusterOpsError(.invalid, "ref \(entry.quotedRef): two operations are called so")
            }
        }
        return ids
    }

    /// Refuses operations that wait for each other in a circle, and names one circle by its refs.
    private static func refuseCycles(_ entries: [SubmittedOperation]) throws(ClusterOpsError) {
        var waitsFor: [String: Set<String>] = [:]
        let refs = Set(entries.map(\.ref))
        for entry in entries { waitsFor[entry.ref] = Set(entry.dependsOn + entry.runsAfter).intersection(refs) }
        var dependents: [String: [String]] = [:]
        for (ref, dependencies) in waitsFor {
            for dependency in dependencies { dependents[dependency, default: []].append(ref) }
        }
        var ready = entries.map(\.ref).filter { waitsFor[$0]?.isEmpty == true }
        while let ref = ready.popLast() {
            for dependent in dependents[ref] ?? [] {
                waitsFor[dependent]?.remove(ref)
                if waitsFor[dependent]?.isEmpty == true { ready.append(dependent) }
            }
            waitsFor[ref] = nil
        }
        // What is left waits for something that is left: following it must come back to where it has been.
        guard var ref = waitsFor.keys.min() else { return }
        var path: [String] = []
        while !path.contains(ref), let next = waitsFor[ref]?.min() {
            path.append(ref)
            ref = next
        }
        let circle = path.drop { $0 != ref } + [ref]
        throw ClusterOpsError(
            .invalid,
            "the operations wait for each other in a circle: "
                + circle.map { "\"\(ValueError.quotable($0))\"" }.joined(separator: " waits for ")
        )
    }
}

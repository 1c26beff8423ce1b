import ClusterModel

/// One operation of a submitted document; its edges still name refs or ids.
struct SubmittedOperation: Sendable {
    /// A ref is a word for people.
    private static let longestRef = 128

    let ref: String
    let id: OperationID?
    let dependsOn: [String]
    let runsAfter: [String]
    private var template: OperationRequest

    var quotedRef: String { "\"\(ValueError.quotable(ref))\"" }

    /// Reads one object of the document's list.
    init(_ value: JSONValue, place: String) throws(ClusterOpsError) {
        guard case .object(let object) = value else {
            throw ClusterOpsError(.invalid, "\(place): expected an object")
        }
        var fields = Fields(object, place: place)
        guard let ref = try fields.text("ref"), (1...Self.longestRef).contains(ref.utf8.count) else {
            throw ClusterOpsError(.invalid, "\(place): expected a ref of 1 to \(Self.longestRef) bytes")
        }
        self.ref = ref
        fields.place = "operation \"\(ValueError.quotable(ref))\""
        id = try fields.value("uuid")
        dependsOn = try fields.texts("depends_on")
        runsAfter = try fields.texts("runs_after")
        var tasks: [TaskName] = []
        for text in try fields.texts("tasks") { tasks.append(try fields.parse(text, for: "tasks")) }
        let delay: DurationText? = try fields.value("delay")
        let deadline: DurationText? = try fields.value("deadline")
        template = OperationRequest(
            tasks: tasks,
            target: .init(
                network: try fields.value("network"),
                node: try fields.value("node"),
                interface: try fields.value("interface")
            ),
            lane: try fields.value("lane") ?? .default,
            parameters: fields.document("parameters"),
            delay: delay?.duration ?? .zero,
            deadline: deadline?.duration,
            labels: try fields.labels("labels")
        )
        try fields.refuseOthers()
    }

    /// The request, once every ref has an id.
    func request(ids: [String: OperationID]) throws(ClusterOpsError) -> OperationRequest {
        var request = template
        request.id = ids[ref]
        request.dependsOn = try edges(dependsOn, "depends_on", ids)
        request.runsAfter = try edges(runsAfter, "runs_after", ids)
        return request
    }

    /// A name is a ref if an operation is called so, and else the id of one that exists.
    private func edges(
        _ names: [String],
        _ key: String,
        _ ids: [String: OperationID]
    ) throws(ClusterOpsError) -> [OperationID] {
        var edges: [OperationID] = []
        for name in names {
            guard let id = ids[name] ?? (try? OperationID(name)) else {
                throw ClusterOpsError(
                    .invalid,
                    "operation \(quotedRef): \(key): there is no ref \"\(ValueError.quotable(name))\" in the document"
                )
            }
            edges.append(id)
        }
        return edges
    }
}

/// The keys of one object, taken one by one; what is not taken is unknown.
private struct Fields {
    var place: String
    private var rest: [String: JSONValue]

    init(_ object: [String: JSONValue], place: String) {
        // A key with null is a key that was left out.
        rest = object.filter { $0.value != .null }
        self.place = place
    }

    mutating func text(_ key: String) throws(ClusterOpsError) -> String? {
        guard let value = rest.removeValue(forKey: key) else { return nil }
        guard case .string(let text) = value else {
            throw ClusterOpsError(.invalid, "\(place): \(key): expected text")
        }
        return text
    }

    mutating func texts(_ key: String) throws(ClusterOpsError) -> [String] {
        guard let value = rest.removeValue(forKey: key) else { return [] }
        guard case .array(let members) = value else {
            throw ClusterOpsError(.invalid, "\(place): \(key): expected a list")
        }
        var texts: [String] = []
        for member in members {
            guard case .string(let text) = member else {
                throw ClusterOpsError(.invalid, "\(place): \(key): expected a list of text")
            }
            texts.append(text)
        }
        return texts
    }

    mutating func value<Value: TextValue>(_ key: String) throws(ClusterOpsError) -> Value? {
        guard let text = try text(key) else { return nil }
        return try parse(text, for: key)
    }

    func parse<Value: TextValue>(_ text: String, for key: String) throws(ClusterOpsError) -> Value {
        do throws(ValueError) {
            return try Value(text)
        } catch {
            throw ClusterOpsError(.invalid, "\(place): \(key): \(error.reason)")
        }
    }

    mutating func labels(_ key: String) throws(ClusterOpsError) -> [OperationLabel] {
        guard let value = rest.removeValue(forKey: key) else { return [] }
        guard case .object(let members) = value else {
            throw ClusterOpsError(.invalid, "\(place): \(key): expected an object of names and values")
        }
        var labels: [OperationLabel] = []
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            guard case .string(let text) = value else {
                throw ClusterOpsError(.invalid, "\(place): \(key): \(ValueError.quotable(name)): expected text")
            }
            do throws(ValueError) {
                labels.append(try OperationLabel(name: name, value: text))
            } catch {
                throw ClusterOpsError(.invalid, "\(place): \(key): \(error.reason)")
            }
        }
        return labels
    }

    mutating func document(_ key: String) -> String? {
        rest.removeValue(forKey: key)?.text
    }

    func refuseOthers() throws(ClusterOpsError) {
        guard let key = rest.keys.min() else { return }
        throw ClusterOpsError(.invalid, "\(place): there is no key \"\(ValueError.quotable(key))\"")
    }
}

/// A request that has passed every check that needs no lock, with all that its row will hold.
///
/// Pure: the definitions and the target's ids are read before.
package struct OperationPlan: Sendable, Hashable {
    /// The target's names with their ids.
    package struct ResolvedTarget: Sendable, Hashable {
        package var network: (id: NetworkID, name: NetworkName)?
        package var node: (id: NodeID, name: NodeName)?
        package var interface: InterfaceID?

        package init(
            network: (id: NetworkID, name: NetworkName)? = nil,
            node: (id: NodeID, name: NodeName)? = nil,
            interface: InterfaceID? = nil
        ) {
            self.network = network
            self.node = node
            self.interface = interface
        }

        package static func == (left: Self, right: Self) -> Bool {
            left.network?.id == right.network?.id && left.node?.id == right.node?.id
                && left.interface == right.interface
        }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(network?.id)
            hasher.combine(node?.id)
            hasher.combine(interface)
        }
    }

    package let id: OperationID
    package let hasCallersID: Bool
    package let kind: TaskKind
    package let tasks: [TaskName]
    package let target: ResolvedTarget
    package let queue: QueueName
    package let parameters: String?
    package let dependsOn: [OperationID]
    package let runsAfter: [OperationID]
    package let delay: Duration
    package let deadline: Duration?
    package let labels: [OperationLabel]
    package let maximumAttempts: Int
    package let coalesceKey: CoalescingKey?
    package let exclusiveKey: String?
    /// The reason why no waiting operation was looked for, or nil when one was to be.
    package let dedupRefusal: DedupRefusal?
    /// The ended operation that this one does again.
    package let retryOf: OperationID?
    /// A Boolean value that indicates whether it may be retried although it was before.
    package let repeatsRetry: Bool

    /// Checks a request.
    ///
    /// - Parameters:
    ///   - request: What the caller asks for.
    ///   - definitions: What is known of every task that the request names.
    ///   - target: The request's target with ids.
    /// - Throws: `ClusterOpsError` with code `invalid`, naming the thing.
    package init(
        _ request: OperationRequest,
        definitions: [TaskName: TaskDefinition],
        target: ResolvedTarget
    ) throws(ClusterOpsError) {
        try Self.checkLimits(request)
        let definitions = try Self.lookUp(request.tasks, in: definitions)
        kind = try Self.commonKind(definitions)
        try Self.check(target, for: kind, tasks: request.tasks)

        hasCallersID = request.id != nil
        id = request.id ?? .new()
        tasks = request.tasks
        self.target = target
        queue = QueueName(Self.queueTarget(kind, target), request.lane)
        parameters = request.parameters
        // An edge that is asked for twice counts once, and the stricter kind wins.
        dependsOn = Self.unique(request.dependsOn, without: [])
        runsAfter = Self.unique(request.runsAfter, without: Set(request.dependsOn))
        delay = request.delay
        deadline = request.deadline
        labels = request.labels
        // An attempt runs all of them: one that may run once only runs once, whatever stands beside it.
        maximumAttempts = definitions.map(\.maximumAttempts).min() ?? 1

        let identities = Self.coalescingKeys(definitions, target)
        let isPlain =
            request.parameters == nil && dependsOn.isEmpty && runsAfter.isEmpty && request.delay == .zero
            // A deadline is one requester's: it must not end what others asked for.
            && request.deadline == nil
        coalesceKey = isPlain && Set(request.tasks).count == 1 ? identities.first : nil
        exclusiveKey = Self.exclusiveKey(kind, target, identities)
        dedupRefusal = Self.dedupRefusal(request, isCoalescible: !identities.isEmpty)
        retryOf = nil
        repeatsRetry = false
    }

    /// The same work under another id.
    package init(copying other: OperationPlan, id: OperationID) {
        self.init(copying: other, id: id, retryOf: other.retryOf, repeatsRetry: other.repeatsRetry)
    }

    /// The same plan, naming the operation that it does again; `repeatsRetry` allows that it was retried before.
    package init(retrying old: OperationID, as other: OperationPlan, repeatsRetry: Bool = false) {
        self.init(copying: other, id: other.id, retryOf: old, repeatsRetry: repeatsRetry)
    }

    private init(copying other: OperationPlan, id: OperationID, retryOf: OperationID?, repeatsRetry: Bool) {
        self.id = id
        hasCallersID = false
        kind = other.kind
        tasks = other.tasks
        target = other.target
        queue = other.queue
        parameters = other.parameters
        dependsOn = other.dependsOn
        runsAfter = other.runsAfter
        delay = other.delay
        deadline = other.deadline
        labels = other.labels
        maximumAttempts = other.maximumAttempts
        coalesceKey = other.coalesceKey
        exclusiveKey = other.exclusiveKey
        dedupRefusal = other.dedupRefusal
        self.retryOf = retryOf
        self.repeatsRetry = repeatsRetry
    }

    /// The reason why an enqueue did not look for a waiting operation to return instead; counted as counters.
    package enum DedupRefusal: String, Sendable, Hashable, CaseIterable {
        case notCoalescible = "not_coalescible"
        case severalTasks = "several_tasks"
        case parameters = "parameters"
        case ordering = "ordering"
        case delay = "delay"
        case deadline = "deadline"
        case callersID = "callers_id"
        case askedNotTo = "no_dedup"
        /// A waiting operation would not have these labels.
        case labels = "labels"
        case severalOperations = "several_operations"
        /// Adopting is not possible there: what waits may have been claimed by the time that the caller commits.
        case callersTransaction = "callers_transaction"
    }

    private static func dedupRefusal(_ request: OperationRequest, isCoalescible: Bool) -> DedupRefusal? {
        if !isCoalescible { return .notCoalescible }
        if Set(request.tasks).count > 1 { return .severalTasks }
        if request.parameters != nil { return .parameters }
        if !request.dependsOn.isEmpty || !request.runsAfter.isEmpty { return .ordering }
        if request.delay != .zero { return .delay }
        if request.deadline != nil { return .deadline }
        if !request.labels.isEmpty { return .labels }
        if request.id != nil { return .callersID }
        return request.allowsDedup ? nil : .askedNotTo
    }

    // MARK: Checks

    private static func checkLimits(_ request: OperationRequest) throws(ClusterOpsError) {
        guard !request.tasks.isEmpty else { throw ClusterOpsError(.invalid, "an operation has at least one task") }
        guard request.tasks.count <= OperationRequest.mostTasks else {
            throw ClusterOpsError(
                .invalid,
                "\(request.tasks.count) tasks: an operation has at most \(OperationRequest.mostTasks)"
            )
        }
        let edges = request.dependsOn.count + request.runsAfter.count
        guard edges <= OperationRequest.mostDependencies else {
            throw ClusterOpsError(
                .invalid,
                "\(edges) dependencies: an operation has at most \(OperationRequest.mostDependencies)"
            )
        }
        if let id = request.id, request.dependsOn.contains(id) || request.runsAfter.contains(id) {
            throw ClusterOpsError(.invalid, "operation \(id) cannot wait for itself")
        }
        for (name, duration) in [("delay", request.delay), ("deadline", request.deadline ?? .zero)] {
            guard duration >= .zero, duration <= OperationRequest.longestDelay else {
                throw ClusterOpsError(.invalid, "a \(name) is at least 0 and at most 366d")
            }
        }
        if let deadline = request.deadline, deadline <= request.delay {
            throw ClusterOpsError(.invalid, "the deadline lies before the end of the delay: it could never be met")
        }
        try check(request.labels)
        if let parameters = request.parameters { try check(parameters: parameters) }
    }

    private static func check(_ labels: [OperationLabel]) throws(ClusterOpsError) {
        guard labels.count <= OperationRequest.mostLabels else {
            throw ClusterOpsError(
                .invalid,
                "\(labels.count) labels: an operation has at most \(OperationRequest.mostLabels)"
            )
        }
        var names: Set<String> = []
        if let second = labels.first(where: { !names.insert($0.name).inserted }) {
            throw ClusterOpsError(.invalid, "label '\(second.name)' is given twice: a name has one value")
        }
    }

    private static func check(parameters: String) throws(ClusterOpsError) {
        do throws(JSONError) {
            _ = try JSONValue(parsing: parameters, limits: .parameters)
        } catch {
            throw ClusterOpsError(.invalid, "the parameters: \(error.reason)")
        }
    }

    private static func lookUp(
        _ tasks: [TaskName],
        in known: [TaskName: TaskDefinition]
    ) throws(ClusterOpsError) -> [TaskDefinition] {
        var definitions: [TaskDefinition] = []
        for task in tasks {
            guard let definition = known[task] else {
                throw ClusterOpsError(
                    .invalid,
                    "unknown task '\(task)': no worker has registered it, and it is not built in"
                )
            }
            definitions.append(definition)
        }
        return definitions
    }

    private static func commonKind(_ definitions: [TaskDefinition]) throws(ClusterOpsError) -> TaskKind {
        let first = definitions[0]
        if let other = definitions.first(where: { $0.kind != first.kind }) {
            throw ClusterOpsError(
                .invalid,
                "'\(first.name)' is of kind \(first.kind.rawValue) and '\(other.name)' of kind "
                    + "\(other.kind.rawValue): the tasks of one operation are of one kind"
            )
        }
        return first.kind
    }

    private static func check(
        _ target: ResolvedTarget,
        for kind: TaskKind,
        tasks: [TaskName]
    ) throws(ClusterOpsError) {
        guard kind != .command else { return }
        if target.network == nil { throw ClusterOpsError(.invalid, "task '\(tasks[0])' needs a network") }
        if kind == .nodeNetwork, target.node == nil {
            throw ClusterOpsError(.invalid, "task '\(tasks[0])' is done per node and needs a node")
        }
        if kind == .network, let node = target.node {
            throw ClusterOpsError(
                .invalid,
                "task '\(tasks[0])' is done once for the cluster; it takes no node (found '\(node.name)')"
            )
        }
    }

    // MARK: Derivations

    private static func queueTarget(_ kind: TaskKind, _ target: ResolvedTarget) -> QueueTarget {
        switch (kind, target.node) {
        case (.network, _): .networkNode
        case (.nodeNetwork, let node?): .nodeNetwork(node.name)
        case (.command, let node?): .node(node.name)
        case (.command, nil): .any
        case (.nodeNetwork, nil): preconditionFailure("checked before")
        }
    }

    private static func coalescingKeys(_ definitions: [TaskDefinition], _ target: ResolvedTarget) -> [CoalescingKey] {
        var keys: [CoalescingKey] = []
        for definition in definitions where definition.isCoalescible {
            let key = CoalescingKey(definition, target)
            if !keys.contains(key) { keys.append(key) }
        }
        return keys
    }

    /// Returns the key that only one running operation may hold; see docs/operations.md, "Exclusive targets".
    private static func exclusiveKey(
        _ kind: TaskKind,
        _ target: ResolvedTarget,
        _ identities: [CoalescingKey]
    ) -> String? {
        switch kind {
        case .network: target.network.map { "network \($0.id)" }
        case .nodeNetwork: target.network.flatMap { network in target.node.map { "mesh \(network.id) \($0.id)" } }
        case .command: identities.first?.description
        }
    }

    private static func unique(_ ids: [OperationID], without excluded: Set<OperationID>) -> [OperationID] {
        var seen = excluded
        return ids.filter { seen.insert($0).inserted }
    }
}

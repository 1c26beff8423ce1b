import ClusterEngine
import ClusterModel
import ClusterStore
import MariaDB

extension ClusterConnection {
    /// Tasks that are listed: far more than anybody configures.
    private static let mostTasks = 10_000

    /// Lists what can be enqueued, by name: built-in tasks, and those that workers have registered.
    package func tasks() async throws -> ListView<TaskView> {
        try await snapshot { session in
            let builtIn = BuiltInTask.allCases.map(\.definition)
            let names = try TaskStatements.names(limit: Self.mostTasks, on: session)
            let variants = Dictionary(grouping: try TaskStatements.registrations(names, on: session), by: \.name)
            let conflicting = Set(try TaskStatements.conflicting(limit: Self.mostTasks, on: session))
            let registered = variants.filter { name, _ in !builtIn.contains { $0.name == name } }
                .map { Admission.agreement(of: $0.value) }
            let runners = try TaskStatements.runners(on: session)
            let obstacles = Dictionary(grouping: try TaskStatements.obstacles(on: session), by: \.task)
            return ListView(
                (builtIn + registered).sorted { $0.name < $1.name }.map { definition in
                    TaskView(
                        definition,
                        isBuiltIn: builtIn.contains(definition),
                        isConflicting: conflicting.contains(definition.name),
                        runners: runners,
                        obstacles: obstacles[definition.name] ?? []
                    )
                }
            )
        }
    }
}

extension TaskView {
    /// Shows a definition with who runs it; pure.
    fileprivate init(
        _ definition: TaskDefinition,
        isBuiltIn: Bool,
        isConflicting: Bool,
        runners: [TaskStatements.Runner],
        obstacles: [NodeObstacle]
    ) {
        let hindered = Set(obstacles.map(\.node))
        let able = runners.filter { $0.runs(definition, isBuiltIn: isBuiltIn) && !hindered.contains($0.node) }
        self.init(
            task: definition.name,
            kind: definition.kind,
            builtIn: isBuiltIn,
            needs: definition.kind.needs,
            coalescible: definition.isCoalescible,
            maxAttempts: definition.maximumAttempts,
            timeoutSeconds: definition.timeout.seconds,
            nodes: Set(able.map(\.node)).sorted(),
            conflicting: isConflicting,
            obstacles: obstacles.map { Obstacle(node: $0.node, reason: $0.reason, since: $0.since) }
        )
    }
}

extension TaskStatements.Runner {
    fileprivate func runs(_ definition: TaskDefinition, isBuiltIn: Bool) -> Bool {
        switch definition.kind {
        case .network: daemon == .netnode && mayBeElected
        case .nodeNetwork: daemon == .netnode
        case .command: daemon == .queueworker && (isBuiltIn || tasks.contains(definition.name))
        }
    }
}

extension TaskKind {
    /// The options that an enqueue has to give.
    fileprivate var needs: [String] {
        switch self {
        case .network: ["network"]
        case .nodeNetwork: ["network", "node"]
        case .command: []
        }
    }
}

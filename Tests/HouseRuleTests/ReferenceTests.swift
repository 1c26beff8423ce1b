import ClusterModel
import ClusterOpsTestKit
import Testing

@testable import ClusterDaemon

/// The tables of `docs/reference.md` beside the types that they describe.
///
/// A failure prints the rows that belong there.
@Suite struct ReferenceTests {
    private func compare(_ heading: String, _ rows: [[String]]) throws {
        let expected = ReferenceTable.lines(rows)
        let found = try ReferenceTable(under: heading).lines(columns: rows[0].count)
        #expect(found == expected, "docs/reference.md, \(heading):\n\(expected.joined(separator: "\n"))")
    }

    @Test func `the lanes are described, best first`() throws {
        try compare("Lanes", Lane.allCases.sorted().map { ["`\($0)`", $0 == .default ? "default" : ""] })
    }

    @Test func `each kind of task is shown with the queues that its operations go to`() throws {
        let network = NetworkID.new()
        var rows: [[String]] = []
        for kind in TaskKind.allCases {
            let task = try #require(BuiltInTask.allCases.map(\.definition).first { $0.kind == kind })
            for node in [nil, (id: NodeID.new(), name: try NodeName("hv1"))] {
                let plan = try? OperationPlan(
                    OperationRequest(tasks: [task.name], lane: .background),
                    definitions: [task.name: task],
                    target: .init(network: (network, try NetworkName("blue")), node: node)
                )
                guard let plan else { continue }
                let name = "\(plan.queue)".replacing("hv1", with: "{node}").replacing("background", with: "{lane}")
                rows.append(["`\(name)`", "`\(kind.rawValue)`", node == nil ? "no" : "yes"])
            }
        }
        try compare("Queue names", rows)
    }

    @Test func `the built-in tasks are described with what decides where and when they run`() throws {
        let target = OperationPlan.ResolvedTarget(
            network: (NetworkID.new(), try NetworkName("blue")),
            node: (NodeID.new(), try NodeName("hv1"))
        )
        let rows = try BuiltInTask.allCases.map { task in
            let definition = task.definition
            var target = target
            if definition.kind == .network { target.node = nil }
            let plan = try OperationPlan(
                OperationRequest(tasks: [task.name]),
                definitions: [task.name: definition],
                target: target
            )
            /// The parts of the target whose ids are in a key.
            func parts(of key: String?) -> String {
                let ids = [("network", target.network?.id.description), ("node", target.node?.id.description)]
                let parts = ids.compactMap { name, id in id.flatMap { key?.contains($0) == true ? name : nil } }
                return parts.isEmpty ? "–" : parts.joined(separator: ", ")
            }
            return [
                "`\(task.rawValue)`", "`\(definition.kind.rawValue)`", definition.isCoalescible ? "yes" : "no",
                parts(of: plan.exclusiveKey), "\(definition.maximumAttempts)", definition.timeout.text,
            ]
        }
        try compare("Built-in tasks", rows)
    }

    @Test func `every configuration key is described, with its default and what it takes`() throws {
        let defaults = Configuration()
        let keys = Configuration.keys.map { key in
            let isReloaded = ConfigurationChange.reloadableKeys.contains(key.path)
            return Self.row(key, defaults, isReloaded ? " Reloaded at SIGHUP." : "")
        }
        try compare("Configuration keys", keys)
        let task = Configuration.CommandTask(command: [])
        try compare("Command tasks", Configuration.CommandTask.keys.map { Self.row($0, task, "") })
    }

    private static func row<Root>(_ key: ConfigurationKey<Root>, _ defaults: Root, _ more: String) -> [String] {
        let value = key.current(defaults).flatMap { $0 == .list([]) ? nil : $0.yaml }
        return ["`\(key.path)`", value.map { "`\($0)`" } ?? "–", key.expected, key.documentation + more]
    }

    @Test func `the exit codes of the daemons are described`() throws {
        let codes = [Daemon.Ending.drained.rawValue, Daemon.Ending.failed.rawValue, DaemonStart.misconfigured]
        try compare("Exit codes of the daemons", codes.map { ["\($0)"] })
    }
}

import ClusterModel
import ClusterStore

extension DoctorCheck {
    static let dataPlane = DoctorCheck("data_plane", "the networks' packets get from node to node", .critical) {
        session in
        findings(of: try DataPlaneStatements.findings(on: session))
    }

    /// Judges what living nodes report; pure.
    ///
    /// A node that is cut off is reported by each other one: one finding names it, and them.
    static func findings(of dataPlane: DataPlaneFindings) -> [FindingView] {
        let checks = dataPlane.checks.prefix(mostTold).map { finding in
            FindingView(
                "on \(finding.node), since \(finding.since): \(finding.reason)",
                remedy: "on \(finding.node): mend what the message names; netnode finds it well within seconds"
            )
        }
        struct Kind: Hashable {
            let to: NodeName
            let state: PathFinding.State
        }
        let kinds = Dictionary(grouping: dataPlane.paths) { Kind(to: $0.to, state: $0.state) }
        let worst = kinds.sorted { ($1.value.count, $0.key.to) < ($0.value.count, $1.key.to) }
        let paths = worst.prefix(mostTold).map { kind, paths in
            let named = paths.map(\.from.description).joined(separator: ", ")
            return FindingView(
                "from \(named), since \(paths.map(\.since).min() ?? paths[0].since): \(paths[0].reason)",
                remedy: "compare 'ip route get' and 'ping -M do' between the nodes; 'network show' names all paths"
            )
        }
        return checks + paths
    }
}

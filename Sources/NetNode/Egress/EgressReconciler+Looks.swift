import ClusterModel
import Synchronization

extension EgressReconciler {
    /// The state that the last pass over each network has left.
    private var left: [VNI: EgressMemory.Left] { memory.state.withLock { $0.left } }

    /// The namespaces in which the last passes wanted an egress.
    var lastWanted: [NamespaceName] { left.keys.map(namespaces.name) }

    /// Returns whether the last pass over a network wanted an egress.
    func isKnown(_ vni: VNI) -> Bool { left[vni] != nil }

    /// The networks whose egress is not as the last pass wanted it, as far as a look sees: it does not see the
    /// kernel's settings, and of the rules only whether anybody has changed them since.
    ///
    /// Without the bridge that leads outside there is none: there is nothing that a pass could do.
    ///
    /// - Parameter survey: what the look saw.
    /// - Returns: Those that are worth a pass.
    package func broken(in survey: HostSurvey) -> Set<VNI> {
        guard let bridge = bridge.flatMap({ survey.links["\($0)"] }), bridge.kind == "bridge" else { return [] }
        return Set(left.values.filter { Self.isBroken($0, in: survey, over: bridge) }.map(\.wanted.vni))
    }

    private static func isBroken(_ left: EgressMemory.Left, in survey: HostSurvey, over bridge: Link) -> Bool {
        let vni = left.wanted.vni
        guard let outside = survey.outsides[vni], let rules = left.rules, outside.rules == rules else { return true }
        let inside = EgressActual.Inside(
            outside.device,
            routes: outside.routes,
            settings: EgressChange.settings.map(\.value),
            table: EgressTable(left.wanted).objects
        )
        let actual = EgressActual(veth: survey.links[ExternalVethName(vni).description], inside: inside)
        return !EgressDiff.changes(from: actual, to: left.wanted, over: bridge).isEmpty
    }

    /// Returns what the last passes wanted of some networks: what was forgotten meanwhile, because it is not wanted any
    /// more, is not made again.
    func lastScope(of networks: Set<VNI>) -> Scope {
        let left = left.filter { networks.contains($0.key) }
        return Scope(only: Set(left.keys), EgressWanted.Snapshot(left.values.map(\.wanted)))
    }

    /// Forgets what was wanted of a network that was taken away.
    func forget(_ vni: VNI) { memory.state.withLock { $0.forget(vni) } }
}

import ClusterOps

extension EgressReconciler {
    /// What the last pass has left of a network's way out, for looks that ask whether the kernel still has it.
    struct Left: Sendable {
        let wanted: EgressWanted
        /// The number of the last transaction on the namespace's rules, from before they were found as wanted; nil when
        /// they were not.
        var rules: UInt32?
    }

    /// The networks whose way out is not as the last pass wanted it, as far as a look sees: it does not see the kernel's
    /// settings, and of the rules only whether anybody has changed them since.
    ///
    /// Without the bridge that leads outside none is: there is nothing that a pass could do.
    package func broken(in survey: HostSurvey) -> Set<VNI> {
        guard let bridge = bridge.flatMap({ survey.links["\($0)"] }), bridge.kind == "bridge" else { return [] }
        return Set(last.all.filter { Self.isBroken($0.value, in: survey, over: bridge) }.keys)
    }

    private static func isBroken(_ left: Left, in survey: HostSurvey, over bridge: Link) -> Bool {
        let vni = left.wanted.vni
        guard let outside = survey.outsides[vni], let rules = left.rules, outside.rules == rules else { return true }
        let inside = EgressActual.Inside(
            outside.device,
            routes: outside.routes,
            settings: EgressChange.settings.map(\.value),
            table: EgressTable(left.wanted).objects
        )
        let actual = EgressActual(leg: survey.links[ExternalLegName(vni).description], inside: inside)
        return !EgressDiff.changes(from: actual, to: left.wanted, over: bridge).isEmpty
    }

    /// Brings some ways out to what the last pass wanted of them, without asking the database.
    ///
    /// What was forgotten meanwhile, because it is not wanted any more, is not made again.
    func restore(_ networks: Set<VNI>) async throws {
        _ = try await pass {
            let known = last.all
            return Scope(
                only: networks.intersection(known.keys),
                EgressWanted.Snapshot(known.values.map(\.wanted))
            )
        }
    }

    /// Forgets what was wanted of a network that was taken away.
    func forget(_ vni: VNI) { last.forget(vni) }

    /// Forgets what was wanted, on a node that may not be elected any more.
    func forgetAll() { last.note([:], isWhole: true) }
}

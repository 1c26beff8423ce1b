import ClusterModel

extension EgressReconciler {
    /// A moment among the changes to what is known of the ways out.
    package struct Moment: Sendable {
        let number: UInt64
    }

    /// Now, for a look that is about to begin.
    package var now: Moment { notes.now }

    /// The namespaces in which the last passes wanted a way out.
    var lastWanted: [NamespaceName] { notes.all.keys.map(namespaces.name) }

    /// The networks whose way out is not as the last pass wanted it, as far as a look sees: it does not see the kernel's
    /// settings, and of the rules only whether anybody has changed them since.
    ///
    /// None that a pass has in hand, or had since the look began: what the look saw may be from the middle of it. Without
    /// the bridge that leads outside none is: there is nothing that a pass could do.
    ///
    /// - Parameters:
    ///   - survey: what the look saw.
    ///   - moment: from before it; nil when nothing has happened since.
    /// - Returns: Those that are worth a pass.
    package func broken(in survey: HostSurvey, since moment: Moment? = nil) -> Set<VNI> {
        guard let bridge = bridge.flatMap({ survey.links["\($0)"] }), bridge.kind == "bridge" else { return [] }
        let left = notes.untouched(since: moment ?? now)
        return Set(left.filter { Self.isBroken($0, in: survey, over: bridge) }.map(\.wanted.vni))
    }

    private static func isBroken(_ left: EgressNotes.Left, in survey: HostSurvey, over bridge: Link) -> Bool {
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
            let known = notes.all
            return Scope(
                only: networks.intersection(known.keys),
                EgressWanted.Snapshot(known.values.map(\.wanted))
            )
        }
    }

    /// Forgets what was wanted of a network that was taken away.
    func forget(_ vni: VNI) { notes.forget(vni) }

    /// Forgets what was wanted, on a node that may not be elected any more.
    func forgetAll() { notes.forgetAll() }
}

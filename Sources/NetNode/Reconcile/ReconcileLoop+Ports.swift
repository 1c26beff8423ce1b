import ClusterModel

/// The ports of guests in a run.
extension ReconcileLoop {
    /// Notes what is wanted of the ports of some networks; at the first run, of all: their rules are in one table.
    ///
    /// - Throws: What keeps it from reading what is wanted.
    func notePorts(_ wanted: NodeWanted, of vnis: Set<VNI>) async throws {
        if !networks.ports.knowsAll {
            let all = try await networks.wanted()
            networks.ports.note(all.ports, unreadable: all.unreadable, of: nil)
        }
        networks.ports.note(wanted.ports, unreadable: wanted.unreadable, of: vnis)
    }

    /// Brings the ports of some networks to what is wanted.
    ///
    /// - Parameters:
    ///   - vnis: of the networks.
    ///   - survey: what the kernel has, with the rows of these networks; nil is to be read.
    /// - Returns: What was done, and what is wrong.
    /// - Throws: As `PortReconciler.pass(_:from:isServing:)`.
    func bringPorts(of vnis: Set<VNI>, from survey: HostSurvey?) async throws -> PortPass {
        let isServing = tenure != nil
        if let survey { return try await networks.ports.pass(vnis, from: survey, isServing: isServing) }
        let fresh = try await networks.survey(of: [], rows: .of(vnis))
        return try await networks.ports.pass(vnis, from: fresh, isServing: isServing)
    }
}

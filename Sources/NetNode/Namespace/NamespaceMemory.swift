import ClusterModel

/// The insides of namespaces as drift checks have last read them, and whose turn it is to be read again; pure.
///
/// The kernel reports nearly every change there, and after a report all are read. What it does not report (a setting, a
/// route other than the default one), and what it reported to a socket that lost it, is found when it is a namespace's
/// turn. Visits of all in each check were a fifth of what a node at rest cost (debug build, 100 networks).
struct NamespaceMemory: Sendable {
    /// The drift checks in which each namespace is read once: every 8 s where there is no event.
    static let turns = 4

    private var insides: [VNI: HostSurvey.Inside] = [:]
    /// The gate inside namespaces that was wanted when they were read.
    private var gate = NamespaceGate()
    private var turn = 0

    /// Takes what the next drift check does not read.
    ///
    /// - Parameters:
    ///   - distrusting: whether it has to read all.
    ///   - gate: as it is wanted now: after a change all are read, also those of which the kernel reports nothing
    ///     because they were not opened or closed.
    /// - Returns: What is taken as it was.
    mutating func take(distrusting: Bool, gate: NamespaceGate) -> [VNI: HostSurvey.Inside] {
        if distrusting || gate != self.gate { insides = [:] }
        self.gate = gate
        turn = (turn + 1) % Self.turns
        return insides.filter { $0.key.rawValue % Self.turns != turn }
    }

    /// Notes what a drift check has read, and what it has taken as it was.
    mutating func note(_ survey: HostSurvey) { insides = survey.insides }
}

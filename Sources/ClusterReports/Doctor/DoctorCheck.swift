import MariaDB

/// One thing that `doctor` looks at: a question, and how to answer it with a few bounded statements.
struct DoctorCheck: Sendable {
    /// Findings of one kind that are told; the first few are enough to see the kind.
    static let mostTold = 5

    let name: String
    let title: String
    let severity: CheckView.Severity
    let look: @Sendable (borrowing Session) throws -> [FindingView]

    init(
        _ name: String,
        _ title: String,
        _ severity: CheckView.Severity = .warning,
        look: @escaping @Sendable (borrowing Session) throws -> [FindingView]
    ) {
        self.name = name
        self.title = title
        self.severity = severity
        self.look = look
    }

    /// Those that any database can be asked.
    static let ofServer: [DoctorCheck] = [settings, history, snapshots, privileges]
    /// Those that need the schema of this program.
    static let ofSchema: [DoctorCheck] = [
        indexes, claim, dependencies, cascades, followers, orphans, deadlines, nodes, ahead, twofold, unreadable,
        counters, sessions, servers, lease, dataPlane, tasks, holds, values,
    ]

    /// Makes the check; what keeps it from being made is told, and keeps no other from being made.
    func view(on session: borrowing Session) -> CheckView {
        do {
            return view(of: try look(session))
        } catch {
            return notRun("\(error)", remedy: Self.remedy(for: error))
        }
    }

    func view(of findings: [FindingView]) -> CheckView {
        view(findings.isEmpty ? .ok : .findings, findings)
    }

    func notRun(_ reason: String, remedy: String) -> CheckView {
        view(.notRun, [FindingView(reason, remedy: remedy)])
    }

    private func view(_ state: CheckView.State, _ findings: [FindingView]) -> CheckView {
        CheckView(check: name, title: title, severity: severity, state: state, findings: findings)
    }

    private static func remedy(for error: any Error) -> String {
        // 1227: a privilege of the whole server, here PROCESS.
        guard let error = error as? DatabaseError, error.code.rawValue == 1227 else {
            return "look at the message; run doctor again once the database can be read"
        }
        return "GRANT PROCESS ON *.* TO the user that runs doctor"
    }
}

import ClusterEngine
import ClusterModel

/// The checks and the findings of `doctor`.
package struct DoctorView: Codable, Sendable, Hashable {
    /// A Boolean value that indicates whether nothing was found, and every check could be made.
    package let healthy: Bool
    /// Every check, in the order in which they were made.
    package let checks: [CheckView]

    /// A Boolean value that indicates whether a finding is critical; a check that was not run is none.
    package var isCritical: Bool { checks.contains(where: \.isCritical) }
}

/// One thing that `doctor` looks at.
package struct CheckView: Codable, Sendable, Hashable {
    /// The outcome of a check.
    package enum State: String, Codable, Sendable, Hashable {
        case ok
        case findings
        /// It could not be made; the message of its only finding says why.
        case notRun = "not_run"
    }

    /// The severity of the findings of a check.
    package enum Severity: String, Codable, Sendable, Hashable {
        /// Work or networks stand still, or what was written down cannot be true.
        case critical
        /// All goes on, and something is to be done.
        case warning
    }

    /// A Boolean value that indicates whether it has critical findings.
    package var isCritical: Bool { state == .findings && severity == .critical }

    /// Its name, for scripts.
    package let check: String
    /// The check in words, for people.
    package let title: String
    /// The severity of its findings.
    package let severity: Severity
    /// The outcome of the check.
    package let state: State
    /// The findings, each with what to do.
    package let findings: [FindingView]
}

/// Something that is not as it has to be.
package struct FindingView: Codable, Sendable, Hashable {
    /// The description of what was found.
    package let message: String
    /// The statement or the command that mends it, or what to look at.
    package let remedy: String

    init(_ message: String, remedy: String) {
        self.message = message
        self.remedy = remedy
    }
}

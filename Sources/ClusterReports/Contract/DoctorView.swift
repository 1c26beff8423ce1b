import ClusterEngine
import ClusterModel

/// What `doctor` has looked at and found.
package struct DoctorView: Codable, Sendable, Hashable {
    /// Whether nothing was found, and everything could be looked at.
    package let healthy: Bool
    /// Every check, in the order in which they were made.
    package let checks: [CheckView]
}

/// One thing that `doctor` looks at.
package struct CheckView: Codable, Sendable, Hashable {
    /// How a check went.
    package enum State: String, Codable, Sendable, Hashable {
        case ok
        case findings
        /// It could not be made; the message of its only finding says why.
        case notRun = "not_run"
    }

    /// Its name, for scripts.
    package let check: String
    /// What is asked, for people.
    package let title: String
    /// How it went.
    package let state: State
    /// What was found, each with what to do.
    package let findings: [FindingView]
}

/// Something that is not as it has to be.
package struct FindingView: Codable, Sendable, Hashable {
    /// What was found.
    package let message: String
    /// The statement or the command that mends it, or what to look at.
    package let remedy: String

    init(_ message: String, remedy: String) {
        self.message = message
        self.remedy = remedy
    }
}

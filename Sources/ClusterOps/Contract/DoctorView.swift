/// What `doctor` has looked at and found.
public struct DoctorView: Codable, Sendable, Hashable {
    /// Whether nothing was found, and everything could be looked at.
    public let healthy: Bool
    /// Every check, in the order in which they were made.
    public let checks: [CheckView]
}

/// One thing that `doctor` looks at.
public struct CheckView: Codable, Sendable, Hashable {
    /// How a check went.
    public enum State: String, Codable, Sendable, Hashable {
        case ok
        case findings
        /// It could not be made; the message of its only finding says why.
        case notRun = "not_run"
    }

    /// Its name, for scripts.
    public let check: String
    /// What is asked, for people.
    public let title: String
    /// How it went.
    public let state: State
    /// What was found, each with what to do.
    public let findings: [FindingView]
}

/// Something that is not as it has to be.
public struct FindingView: Codable, Sendable, Hashable {
    /// What was found.
    public let message: String
    /// The statement or the command that mends it, or what to look at.
    public let remedy: String

    init(_ message: String, remedy: String) {
        self.message = message
        self.remedy = remedy
    }
}

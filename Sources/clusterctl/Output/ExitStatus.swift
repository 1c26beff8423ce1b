import ArgumentParser

/// The exit codes of the contract, beside 0.
enum ExitStatus: Int32, CaseIterable {
    case failed = 1
    case critical = 2
    case notFound = 3
    case conflict = 4
    case unreachable = 5
    case timedOut = 6
    case usage = 64
    case notPermitted = 77
    case interrupted = 130

    /// The meaning in a few words, as help and `docs/reference.md` have it.
    var meaning: String {
        switch self {
        case .failed: "failed"
        case .critical: "critical finding"
        case .notFound: "unknown network, node, interface or operation"
        case .conflict: "conflict"
        case .unreachable: "database unreachable"
        case .timedOut: "timed out"
        case .usage: "usage"
        case .notPermitted: "not permitted by the database"
        case .interrupted: "interrupted"
        }
    }
}

import ArgumentParser

/// The exit codes of the contract.
enum ExitStatus: Int32, CaseIterable {
    case failed = 1
    case notFound = 3
    case conflict = 4
    case unreachable = 5
    case timedOut = 6
    case usage = 64
    case interrupted = 130
}

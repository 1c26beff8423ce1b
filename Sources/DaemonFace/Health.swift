import Foundation
import Synchronization

/// The result of one check.
package struct Finding: Sendable, Hashable {
    /// One word, the same in every answer.
    package let name: String
    /// A Boolean value that indicates whether the daemon does, in this respect, what it is there for.
    package let isReady: Bool
    /// A Boolean value that indicates whether the daemon can get there without being started anew.
    package let isLive: Bool
    /// The state that was found, for people.
    package let state: String

    package init(_ name: String, isReady: Bool, isLive: Bool = true, _ state: String) {
        self.name = name
        self.isReady = isReady
        self.isLive = isLive
        self.state = state
    }
}

/// The findings of all checks at one moment.
package struct HealthReport: Sendable, Hashable {
    package let findings: [Finding]
    /// A Boolean value that indicates whether the daemon was asked to end: then it is not ready, however well it does.
    package let isDraining: Bool

    package var isReady: Bool { !isDraining && findings.allSatisfy(\.isReady) }
    /// A daemon that ends is not started anew for it: its drain is bounded, and a supervisor has a limit of its own.
    package var isLive: Bool { isDraining || findings.allSatisfy(\.isLive) }

    /// One word on all of it.
    package var status: String {
        if isDraining { return "draining" }
        if !isLive { return "stuck" }
        return isReady ? "ready" : "not_ready"
    }

    /// The status, and what keeps it from being ready.
    package var summary: String {
        let reasons = findings.filter { !$0.isReady || !$0.isLive }.map { "\($0.name): \($0.state)" }
        return ([status] + (isDraining ? [] : reasons)).joined(separator: "; ")
    }
}

/// The checks of a daemon; asked anew at each look, never waiting for anything.
package final class Health: Sendable {
    private let checks: [@Sendable () -> Finding]
    private let draining = Mutex(false)

    package init(_ checks: [@Sendable () -> Finding]) {
        self.checks = checks
    }

    /// To be called at the first signal.
    package func drain() { draining.withLock { $0 = true } }

    package var report: HealthReport {
        HealthReport(findings: checks.map { $0() }, isDraining: draining.withLock { $0 })
    }
}

/// The body of `/livez` and `/readyz`.
struct HealthDocument: Encodable {
    struct Check: Encodable {
        let name: String
        let passing: Bool
        let state: String
    }

    let status: String
    let passing: Bool
    let checks: [Check]

    init(ready report: HealthReport) {
        status = report.status
        passing = report.isReady
        checks = report.findings.map { Check(name: $0.name, passing: $0.isReady, state: $0.state) }
    }

    init(live report: HealthReport) {
        status = report.status
        passing = report.isLive
        checks = report.findings.map { Check(name: $0.name, passing: $0.isLive, state: $0.state) }
    }

    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
        }
    }
}

import ClusterReports

extension DoctorView: Answer {
    /// The findings, the worst first, and then what is well.
    var table: TextTable {
        let findings: [(name: String, value: String?)] = told.flatMap { check in
            check.findings.flatMap { finding in
                [
                    (check.word, Optional("\(check.check): \(finding.message)")),
                    ("  remedy", Optional(finding.remedy)),
                ]
            }
        }
        let well: [(name: String, value: String?)] = checks.filter { $0.state == .ok }.map {
            ("ok", Optional("\($0.check): \($0.title)"))
        }
        return TextTable(fields: findings, alarms: [CheckView.Severity.critical.rawValue])
            .followed(by: [TextTable(fields: well)])
    }
}

extension DoctorView {
    /// The checks with findings, and those that were not run; the worst first.
    fileprivate var told: [CheckView] {
        let bad = checks.filter { $0.state != .ok }
        return bad.filter(\.isCritical) + bad.filter { !$0.isCritical }
    }

    /// The findings, a line each, for monitoring.
    var lines: [String] {
        told.flatMap { check in check.findings.map { "\(check.word.uppercased()) \(check.check): \($0.message)" } }
    }
}

extension CheckView {
    fileprivate var word: String { state == .notRun ? "not run" : severity.rawValue }
}

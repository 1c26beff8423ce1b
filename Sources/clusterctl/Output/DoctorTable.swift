import ClusterReports

extension DoctorView: Answer {
    var table: TextTable {
        TextTable(
            fields: checks.flatMap { check in
                [(check.check, Optional(check.state == .ok ? "ok: \(check.title)" : "asked: \(check.title)"))]
                    + check.findings.flatMap { finding in
                        [
                            (check.state == .notRun ? "  not run" : "  found", Optional(finding.message)),
                            ("  remedy", finding.remedy),
                        ]
                    }
            }
        )
    }
}

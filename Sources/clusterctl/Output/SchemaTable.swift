import ClusterReports

extension SchemaView: Answer {
    var table: TextTable {
        TextTable(fields: [
            ("version", "\(version)"), ("floor", "\(floor)"), ("binary version", "\(binaryVersion)"),
            ("migrated", migrated ? "yes" : "no"), ("usable", usable ? "yes" : "no"),
        ])
    }
}

extension MigrationPlanView: Answer {
    var table: TextTable {
        TextTable(fields: [
            ("version", "\(version)"), ("steps", "\(steps.count)"), ("floor afterwards", "\(floor)"),
            ("programs work on", programsWorkOn ? "yes" : "no"),
        ]).followed(by: [
            TextTable(
                ["VERSION", .name("NAME"), "ADDITIVE"],
                rows: steps.map { ["\($0.version)", $0.name, $0.additive ? "yes" : "no"] }
            )
        ])
    }
}

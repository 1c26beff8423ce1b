import ClusterReports

extension SchemaView: Answer {
    var table: TextTable {
        TextTable(fields: [
            ("version", "\(version)"), ("binary version", "\(binaryVersion)"), ("migrated", migrated ? "yes" : "no"),
        ])
    }
}

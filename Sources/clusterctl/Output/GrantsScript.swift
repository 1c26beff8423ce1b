import ClusterReports

extension GrantsView: ScriptAnswer {
    var script: String { statements.map { $0 + ";\n" }.joined() }
}

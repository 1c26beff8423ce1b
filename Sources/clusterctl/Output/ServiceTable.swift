import ClusterReports

extension ServiceView: TableRow {
    static let columns: [TableColumn] = [
        .name("NODE"), .name("SERVICE"), "STATE", .detail("PID"), .detail("RESTARTS"), .detail("MEMORY"),
        .detail("CPU"), .detail("DATABASE"),
        .prose("HEALTH"),
    ]
    var cells: [String?] {
        [
            "\(node)", service, state, pid.map { "\($0)" }, "\(restarts)", memoryBytes?.bytesText,
            cpuPercent.map { "\(($0 * 10).rounded() / 10) %" }, databaseServer,
            healthReason.map { "\(health): \($0)" } ?? health,
        ]
    }
}

extension Int {
    /// Bytes as people read them.
    fileprivate var bytesText: String {
        let (kibi, mebi) = (1 << 10, 1 << 20)
        if self < mebi { return "\((self + kibi / 2) / kibi) KiB" }
        return "\((Double(self) / Double(mebi) * 10).rounded() / 10) MiB"
    }
}

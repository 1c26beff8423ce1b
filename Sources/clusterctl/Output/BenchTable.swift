import ClusterReports

extension BenchView: Answer {
    /// The durations, a line each, and below them the rest.
    var table: TextTable {
        TextTable(
            [.name("\(benchmark)".uppercased()), "N", "P50", "P90", "P99", "P99.9", "MAX"],
            rows: durations.map { line in
                [line.name, "\(line.n)"]
                    + [line.p50, line.p90, line.p99, line.p999, line.max].map { $0?.millisecondsText }
            } + [
                ["operations", "\(operations)", "in \(seconds.secondsText)", nil, nil, nil, nil],
                ["per second", "\(Int(perSecond.rounded()))", nil, nil, nil, nil, nil],
            ] + counts.map { [$0.name, "\($0.value)", nil, nil, nil, nil, nil] }
        )
    }
}

extension Double {
    /// Seconds as milliseconds, to the hundredth.
    fileprivate var millisecondsText: String { "\((self * 100_000).rounded() / 100) ms" }
}

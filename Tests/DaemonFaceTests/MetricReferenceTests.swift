import ClusterOpsTestKit
import DaemonFace
import Exposition
import NetNode
import Testing

/// The tables of metrics in `docs/reference.md` beside the definitions from which pages are made.
@Suite struct MetricReferenceTests {
    @Test(arguments: [
        ("Metrics of both daemons", DaemonFace.metrics), ("Metrics of netnode", NetworkMetrics.metrics),
    ])
    func `every metric is described as it is defined`(heading: String, metrics: [MetricDefinition]) throws {
        let expected = ReferenceTable.lines(
            metrics.map { metric in
                let labels = metric.labels.map { "`\($0)`" }.joined(separator: ", ")
                return ["`\(metric.name)`", metric.kind.rawValue, labels, metric.help]
            }
        )
        let found = try ReferenceTable(under: heading).lines(columns: 4)
        #expect(found == expected, "docs/reference.md, \(heading):\n\(expected.joined(separator: "\n"))")
    }

    @Test func `no metric is defined twice`() {
        let names = (DaemonFace.metrics + NetworkMetrics.metrics).map(\.name)
        #expect(Set(names).count == names.count)
    }
}

extension MetricsPage {
    /// The metrics of the page that are not defined, or defined otherwise; each with its kind and labels.
    func undefined(in definitions: [MetricDefinition]) -> [String] {
        let known = Dictionary(uniqueKeysWithValues: definitions.map { ($0.name, $0) })
        return types.compactMap { name, type in
            let samples = values.keys.filter { $0.prefix { $0 != "{" }.hasPrefix(name) }.filter { series in
                ["", "_bucket", "_sum", "_count"].contains(series.prefix { $0 != "{" }.dropFirst(name.count))
            }
            let labels = samples.map { series in
                series.matches(of: /[{,]([a-z_]+)="/).map { String($0.output.1) }.filter { $0 != "le" }
            }
            guard let metric = known[name], metric.kind.rawValue == type, labels.allSatisfy({ $0 == metric.labels })
            else { return "\(name) \(type) \(labels.first ?? [])" }
            return nil
        }
    }
}

import ClusterOpsTestKit
import DaemonFace
import Exposition
import Foundation
import NetNode
import Testing

/// The alert rules and the dashboard of `deploy/monitoring`.
@Suite(.timeLimit(.minutes(15))) struct MonitoringTests {
    private static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "deploy/monitoring").path
    private static let metrics = Dictionary(
        uniqueKeysWithValues: (DaemonFace.metrics + NetworkMetrics.metrics).map { ($0.name, $0) }
    )
    /// The labels that Prometheus, our example of its configuration, and histograms add.
    private static let foreignLabels: Set<String> = ["instance", "job", "daemon", "le"]

    private static let promtool = ["/usr/bin/promtool", "/usr/local/bin/promtool"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    private func text(_ file: String) throws -> String {
        try String(contentsOfFile: "\(Self.directory)/\(file)", encoding: .utf8)
    }

    /// The metric of a series, which of a histogram may be its buckets, sum or count.
    private func metric(_ series: String) -> MetricDefinition? {
        if let metric = Self.metrics[series], metric.kind != .histogram { return metric }
        let base = series.replacing(/_(bucket|sum|count)$/, with: "")
        return Self.metrics[base].flatMap { base != series && $0.kind == .histogram ? $0 : nil }
    }

    private struct Dashboard: Decodable {
        struct Panel: Decodable {
            struct Target: Decodable { let expr: String }
            let id: Int
            let title: String
            let targets: [Target]?
        }
        let panels: [Panel]
    }

    private func dashboard() throws -> Dashboard {
        try JSONDecoder().decode(Dashboard.self, from: Data(try text("grafana-dashboard.json").utf8))
    }

    @Test(arguments: ["clusterops.rules.yml", "clusterops.rules.test.yml", "grafana-dashboard.json"])
    func `every series that is asked for is a metric of a daemon, and has the labels that are asked for`(
        file: String
    ) throws {
        let series = try text(file).matches(of: /clusterops_[a-z_]+/).map { String($0.output) }
        #expect(Set(series).count >= 12)
        for name in Set(series) { #expect(metric(name) != nil, "\(file): \(name)") }
        for match in try text(file).matches(of: /(clusterops_[a-z_]+)\{([^}]*)\}/) {
            let known = Self.foreignLabels.union(metric(String(match.output.1))?.labels ?? [])
            for label in match.output.2.matches(of: /([a-z_]+)(?:=~|!~|!=|=)/) {
                #expect(known.contains(String(label.output.1)), "\(file): \(match.output.0)")
            }
        }
    }

    @Test func `every alert has a case that fires`() throws {
        let alerts = try text("clusterops.rules.yml").matches(of: /- alert: (\w+)/).map { String($0.output.1) }
        let cases = try text("clusterops.rules.test.yml")
        #expect(alerts.count >= 15 && Set(alerts).count == alerts.count)
        for alert in alerts { #expect(cases.contains(alert), "\(alert)") }
    }

    @Test func `the panels of the dashboard have titles and numbers of their own`() throws {
        let panels = try dashboard().panels
        #expect(panels.count >= 20)
        #expect(Set(panels.map(\.id)).count == panels.count && Set(panels.map(\.title)).count == panels.count)
    }

    @Test(.enabled("needs promtool: run deploy/install-dependencies") { MonitoringTests.promtool != nil })
    func `promtool takes the rules, every case, the example of a configuration and every panel`() async throws {
        let directory = try PrivateServer.shared.directory.scratch()
        func promtool(_ arguments: String...) throws {
            let log = "\(directory)/\(UUID().uuidString)"
            let process = try SpawnedProcess(try #require(Self.promtool), arguments, output: log)
            let status = process.wait()
            let said = try String(contentsOfFile: log, encoding: .utf8)
            #expect(status == 0 && !said.contains("FAILED"), "\(arguments): \(said)")
        }
        try promtool("check", "rules", "\(Self.directory)/clusterops.rules.yml")
        try promtool("test", "rules", "\(Self.directory)/clusterops.rules.test.yml")
        try promtool("check", "config", "--syntax-only", "\(Self.directory)/prometheus.yml")
        let expressions = try dashboard().panels.flatMap { $0.targets ?? [] }.map(\.expr)
        #expect(expressions.count >= 20)
        let rules = expressions.enumerated().map { number, expression in
            "    - {record: 'panel:\(number)', expr: '\(expression)'}\n"
        }
        let file = "\(directory)/panels.yml"
        try ("groups:\n- name: panels\n  rules:\n" + rules.joined())
            .write(toFile: file, atomically: true, encoding: .utf8)
        try promtool("check", "rules", file)
    }
}

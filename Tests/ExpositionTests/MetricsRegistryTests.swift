import ClusterOpsTestKit
import CoreMetrics
import Exposition
import Testing

/// What is recorded through swift-metrics, as Prometheus is shown it.
@Suite struct MetricsRegistryTests {
    private let complaints = Locked<[String]>([])

    private func registry(_ most: Int = 256) -> MetricsRegistry {
        MetricsRegistry(
            describing: ["jobs": .init("Jobs that are over."), "wait": .init("Time.", bounds: [0.5, 2])],
            mostSeries: most
        ) { [complaints] complaint in complaints.update { $0.append(complaint) } }
    }

    private func text(_ registry: MetricsRegistry) throws -> String {
        let text = PrometheusText.render(registry.recorded)
        _ = try MetricsPage(text)
        return text
    }

    @Test func `counters, gauges and timers are shown by the conventions, each family with what it is`() throws {
        let registry = registry()
        registry.makeCounter(label: "jobs", dimensions: [("task", "noop")]).increment(by: 3)
        registry.makeMeter(label: "depth", dimensions: []).set(-1.5)
        let timer = registry.makeTimer(label: "wait", dimensions: [("lane", "background")])
        for nanoseconds: Int64 in [100_000_000, 500_000_000, 1_000_000_000, 3_000_000_000] {
            timer.recordNanoseconds(nanoseconds)
        }
        #expect(
            try text(registry) == """
                # HELP depth Recorded as depth.
                # TYPE depth gauge
                depth -1.5
                # HELP jobs_total Jobs that are over.
                # TYPE jobs_total counter
                jobs_total{task="noop"} 3
                # HELP wait_seconds Time.
                # TYPE wait_seconds histogram
                wait_seconds_bucket{lane="background",le="0.5"} 2
                wait_seconds_bucket{lane="background",le="2"} 3
                wait_seconds_bucket{lane="background",le="+Inf"} 4
                wait_seconds_sum{lane="background"} 4.6
                wait_seconds_count{lane="background"} 4

                """
        )
    }

    @Test func `who asks twice for the same series gets the same one, and concurrent recorders lose nothing`()
        async throws
    {
        let registry = registry()
        await withDiscardingTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    let counter = registry.makeCounter(label: "jobs", dimensions: [("task", "noop")])
                    let timer = registry.makeTimer(label: "wait", dimensions: [])
                    for _ in 0..<1000 {
                        counter.increment(by: 1)
                        timer.recordNanoseconds(1_000_000)
                    }
                }
            }
        }
        let page = try MetricsPage(text(registry))
        #expect(page["jobs_total{task=\"noop\"}"] == 8000)
        #expect(page["wait_seconds_count"] == 8000)
    }

    @Test func `a family that would have too many label sets counts the rest together, and says so once`() throws {
        let registry = registry(2)
        for name in ["a", "b", "c", "d", "c"] {
            registry.makeCounter(label: "jobs", dimensions: [("task", name)]).increment(by: 1)
        }
        let page = try MetricsPage(text(registry))
        #expect(page["jobs_total{task=\"a\"}"] == 1 && page["jobs_total{task=\"b\"}"] == 1)
        #expect(page["jobs_total{task=\"other\"}"] == 3)
        #expect(page.values.count == 3)
        #expect(complaints.value == ["jobs_total has more than 2 sets of labels"])
    }

    @Test func `a name that is recorded as two kinds spoils no page`() throws {
        let registry = registry()
        registry.makeMeter(label: "x", dimensions: []).set(1.0)
        registry.makeRecorder(label: "x", dimensions: [], aggregate: true).record(Int64(5))
        #expect(try text(registry) == "# HELP x Recorded as x.\n# TYPE x gauge\nx 1\n")
        #expect(complaints.value.count == 1)
    }

    @Test func `whatever stands in a name or value, the page can be read`() throws {
        let registry = registry()
        let hostile = "a\"b\\c\nd{e}=1,\u{1F600}"
        registry.makeCounter(label: "1 bad-name", dimensions: [("a-b", hostile)]).increment(by: 1)
        let text = try text(registry)
        #expect(text.contains(#"_1_bad_name_total{a_b="a\"b\\c\nd{e}=1,😀"} 1"#))
        #expect(text.split(separator: "\n").count == 3)
    }

    @Test func `what was destroyed is shown no longer`() throws {
        let registry = registry()
        let counter = registry.makeCounter(label: "jobs", dimensions: [])
        counter.increment(by: 1)
        registry.destroyCounter(counter)
        #expect(try text(registry).isEmpty)
    }
}

import CoreMetrics
import Synchronization

/// A backend of swift-metrics that keeps what is recorded, to be shown to Prometheus.
///
/// Handlers are kept by whoever made them: its lock is taken when one is made and when all are read, never when
/// something is observed. Timers are shown in seconds. A family never has more than `mostSeries` label sets and one
/// more: what comes on top is recorded into a series whose labels all say `other`, and `complain` is told once.
public final class MetricsRegistry: MetricsFactory {
    /// A description of a family, by the label that it is recorded under.
    public struct Description: Sendable {
        let help: String
        let bounds: [Double]

        /// Describes a family.
        ///
        /// - Parameters:
        ///   - help: One line for whoever finds it.
        ///   - bounds: The upper bounds of a histogram's buckets, ascending, in its base unit.
        public init(_ help: String, bounds: [Double] = MetricsRegistry.seconds) {
            self.help = help
            self.bounds = bounds
        }
    }

    /// Buckets for times between a statement on a socket and half a day in a queue: about three to each power of ten,
    /// so that a quantile is known to a factor of two.
    public static let seconds: [Double] = [
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 3600, 10_800,
        43_200,
    ]
    /// Five lanes of fifty tasks: more than an operator has, and a scrape of them stays below a megabyte.
    public static let mostSeries = 256

    private struct Family {
        let kind: MetricFamily.Kind
        let description: Description
        var series: [MetricLabels: any MetricSeries] = [:]
        var hasOverflown = false
    }

    private let descriptions: [String: Description]
    private let mostSeries: Int
    private let complain: @Sendable (String) -> Void
    private let families = Mutex<[String: Family]>([:])

    /// Creates an empty registry.
    ///
    /// - Parameters:
    ///   - descriptions: What is known of families, by the label they are recorded under.
    ///   - mostSeries: How many label sets a family may have.
    ///   - complain: Told once of each family that has more.
    public init(
        describing descriptions: [String: Description] = [:],
        mostSeries: Int = MetricsRegistry.mostSeries,
        complain: @escaping @Sendable (String) -> Void
    ) {
        self.descriptions = descriptions
        self.mostSeries = mostSeries
        self.complain = complain
    }

    /// All that was recorded, families by name, series by their labels.
    public var recorded: [MetricFamily] {
        let families = families.withLock { $0 }
        return families.map { name, family in
            let series = family.series.sorted { first, second in
                first.key.items.map(\.value).lexicographicallyPrecedes(second.key.items.map(\.value))
            }
            let samples = series.flatMap { $1.samples($0) }
            return MetricFamily(name, family.kind, help: family.description.help, samples)
        }.sorted { $0.name < $1.name }
    }

    /// The series of some labels; made at the first call, the same one at later ones.
    private func series<Series: MetricSeries>(
        _ label: String,
        unit: String,
        _ kind: MetricFamily.Kind,
        _ dimensions: [(String, String)],
        _ make: (Description) -> Series
    ) -> Series {
        let name = PrometheusText.metricName(label) + unit
        let description = descriptions[label] ?? Description("Recorded as \(label).")
        var labels = MetricLabels(dimensions)
        let (series, complaint) = families.withLock { families -> (Series, String?) in
            var family = families[name] ?? Family(kind: kind, description: description)
            guard family.kind == kind else {
                // Recorded for nobody: shown, it would make the whole answer unreadable.
                return (make(description), "\(name) is recorded as a \(kind.rawValue) and as a \(family.kind.rawValue)")
            }
            var complaint: String?
            if family.series[labels] == nil, family.series.count >= mostSeries {
                if !family.hasOverflown { complaint = "\(name) has more than \(mostSeries) sets of labels" }
                family.hasOverflown = true
                labels = labels.overflow
            }
            let series = family.series[labels] as? Series ?? make(family.description)
            family.series[labels] = series
            families[name] = family
            return (series, complaint)
        }
        if let complaint { complain(complaint) }
        return series
    }

    // MARK: MetricsFactory

    /// Makes a counter, shown as `label_total`.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, unit: "_total", .counter, dimensions) { _ in CountSeries() }
    }

    /// Makes a histogram, or a gauge where nothing is to be added up.
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate {
            return series(label, unit: "", .histogram, dimensions) { HistogramSeries(bounds: $0.bounds) }
        }
        return series(label, unit: "", .gauge, dimensions) { _ in GaugeSeries() }
    }

    /// Makes a gauge.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, unit: "", .gauge, dimensions) { _ in GaugeSeries() }
    }

    /// Makes a histogram of seconds, shown as `label_seconds`.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, unit: "_seconds", .histogram, dimensions) { HistogramSeries(bounds: $0.bounds) }
    }

    /// Shows the counter no longer.
    public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    /// Shows the recorder no longer.
    public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    /// Shows the gauge no longer.
    public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    /// Shows the timer no longer.
    public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    private func remove(_ handler: AnyObject) {
        families.withLock { families in
            for (name, family) in families {
                for (labels, series) in family.series where series === handler {
                    families[name]?.series[labels] = nil
                }
            }
        }
    }
}

import CoreMetrics
import Synchronization

/// One series that somebody records into and somebody else reads.
protocol MetricSeries: AnyObject, Sendable {
    /// Returns the samples that it holds now.
    func samples(_ labels: MetricLabels) -> [MetricFamily.Sample]
}

/// Only rises; one atomic addition an observation.
final class CountSeries: MetricSeries, CounterHandler {
    private let value = Atomic<Int64>(0)

    func increment(by amount: Int64) {
        precondition(amount >= 0, "a counter that falls is a gauge")
        value.wrappingAdd(amount, ordering: .relaxed)
    }

    func reset() { value.store(0, ordering: .relaxed) }

    func samples(_ labels: MetricLabels) -> [MetricFamily.Sample] {
        [.init(labels, Double(value.load(ordering: .relaxed)))]
    }
}

/// Holds what was last set.
final class GaugeSeries: MetricSeries, MeterHandler, RecorderHandler {
    private let value = Mutex(0.0)

    func set(_ new: Int64) { set(Double(new)) }
    func set(_ new: Double) { value.withLock { $0 = new } }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }
    func record(_ new: Int64) { set(Double(new)) }
    func record(_ new: Double) { set(new) }

    func samples(_ labels: MetricLabels) -> [MetricFamily.Sample] {
        [.init(labels, value.withLock { $0 })]
    }
}

/// Sorts observations into buckets; its lock is its own, held for a search among two dozen numbers.
final class HistogramSeries: MetricSeries, TimerHandler, RecorderHandler {
    private struct State {
        var counts: [Int]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    init(bounds: [Double]) {
        precondition(bounds == bounds.sorted(), "buckets in ascending order")
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    func samples(_ labels: MetricLabels) -> [MetricFamily.Sample] {
        // One look, so that the count is that of the last bucket.
        let (counts, sum) = state.withLock { ($0.counts, $0.sum) }
        var (total, samples) = (0, [MetricFamily.Sample]())
        for (count, bound) in zip(counts, bounds + [.infinity]) {
            total += count
            let labels = labels.adding("le", PrometheusText.number(bound))
            samples.append(.init(labels, suffix: "_bucket", Double(total)))
        }
        samples.append(.init(labels, suffix: "_sum", sum))
        samples.append(.init(labels, suffix: "_count", Double(total)))
        return samples
    }
}

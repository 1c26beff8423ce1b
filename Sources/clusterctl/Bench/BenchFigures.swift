import ClusterModel
import ClusterReports
import ClusterStore
import Measurement

/// The findings of a run, before they are summed up; pure.
struct BenchFigures: Sendable {
    let view: BenchView

    /// Of operations that nobody ran.
    init(
        _ name: String,
        _ subject: BenchSubject,
        made: Int,
        seconds: Double,
        durations: [(name: String, seconds: [Double])]
    ) {
        self.init(name, subject.requester, operations: made, requests: made, seconds, durations, [])
    }

    /// Of operations that have ended; how many did not complete is counted.
    init(
        _ name: String,
        _ subject: BenchSubject,
        of ended: [BenchedOperation],
        requests: Int? = nil,
        seconds: Double,
        durations: [(name: String, seconds: [Double])],
        counts: [(name: String, value: Int)] = []
    ) {
        let bad = ended.count { $0.state != .complete }
        self.init(
            name,
            subject.requester,
            operations: ended.count,
            requests: requests ?? ended.count,
            seconds,
            durations,
            counts + [("not_complete", bad)]
        )
    }

    private init(
        _ name: String,
        _ requester: String,
        operations: Int,
        requests: Int,
        _ seconds: Double,
        _ durations: [(name: String, seconds: [Double])],
        _ counts: [(name: String, value: Int)]
    ) {
        view = BenchView(
            benchmark: name,
            operations: operations,
            seconds: seconds,
            perSecond: seconds > 0 ? Double(requests) / seconds : 0,
            requester: requester,
            durations: durations.map { BenchView.DurationsView($0.name, Distribution(seconds: $0.seconds)) },
            counts: counts.map { BenchView.CountView($0.name, $0.value) }
        )
    }
}

extension BenchView.DurationsView {
    fileprivate init(_ name: String, _ it: Distribution) {
        self.init(
            name,
            n: it.count,
            min: it.shortest,
            mean: it.mean,
            p50: it.quantile(0.5),
            p90: it.quantile(0.9),
            p99: it.quantile(0.99),
            p999: it.quantile(0.999),
            max: it.longest
        )
    }
}

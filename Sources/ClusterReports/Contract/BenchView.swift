import ClusterModel

/// The results of a benchmark, as `bench` prints them.
package struct BenchView: Codable, Sendable, Hashable {
    /// The name of the benchmark.
    package let benchmark: String
    /// Operations that it made.
    package let operations: Int
    /// The duration of the benchmark, in seconds.
    package let seconds: Double
    /// Operations, or requests where they are counted, for each of these seconds.
    package let perSecond: Double
    /// The requester, for the history: of this run alone.
    package let requester: String
    /// Durations by what was measured.
    package let durations: [DurationsView]
    /// Numbers of other things.
    package let counts: [CountView]

    /// Durations of one kind, in seconds; null when there is none.
    package struct DurationsView: Codable, Sendable, Hashable {
        /// The name of what was measured.
        package let name: String
        /// The number of durations.
        package let n: Int
        /// The shortest.
        @NullWhenUnknown package var min: Double?
        /// The mean.
        @NullWhenUnknown package var mean: Double?
        /// Half of them were no longer.
        @NullWhenUnknown package var p50: Double?
        /// Nine in ten were no longer.
        @NullWhenUnknown package var p90: Double?
        /// 99 in a hundred were no longer.
        @NullWhenUnknown package var p99: Double?
        /// 999 in a thousand were no longer.
        @NullWhenUnknown package var p999: Double?
        /// The longest.
        @NullWhenUnknown package var max: Double?

        /// Names the values of a distribution, each nil when there is none.
        package init(
            _ name: String,
            n: Int,
            min: Double?,
            mean: Double?,
            p50: Double?,
            p90: Double?,
            p99: Double?,
            p999: Double?,
            max: Double?
        ) {
            self.name = name
            self.n = n
            self.min = min
            self.mean = mean
            self.p50 = p50
            self.p90 = p90
            self.p99 = p99
            self.p999 = p999
            self.max = max
        }
    }

    /// A number of things.
    package struct CountView: Codable, Sendable, Hashable {
        /// Of what.
        package let name: String
        /// The number itself.
        package let value: Int

        /// Names a number.
        package init(_ name: String, _ value: Int) {
            self.name = name
            self.value = value
        }
    }

    private enum CodingKeys: String, CodingKey {
        case benchmark, operations, seconds, requester, durations, counts
        case perSecond = "per_second"
    }

    /// Puts together what was measured.
    package init(
        benchmark: String,
        operations: Int,
        seconds: Double,
        perSecond: Double,
        requester: String,
        durations: [DurationsView],
        counts: [CountView]
    ) {
        self.benchmark = benchmark
        self.operations = operations
        self.seconds = seconds
        self.perSecond = perSecond
        self.requester = requester
        self.durations = durations
        self.counts = counts
    }
}

import Histogram

/// Durations of one kind in a high dynamic range histogram: any quantile to three digits, in memory that does not grow.
public struct Distribution: Sendable {
    /// An hour in microseconds: what takes longer counts as that.
    private static let longest: UInt64 = 3_600_000_000

    private var microseconds = Histogram<UInt32>(
        highestTrackableValue: Self.longest,
        numberOfSignificantValueDigits: .three
    )

    /// Starts with nothing.
    public init() {}

    /// Takes a duration; a negative one, which two clocks may make, is none at all.
    public mutating func add(_ duration: Duration) {
        add(seconds: duration / .seconds(1))
    }

    /// Takes a duration in seconds.
    public mutating func add(seconds: Double) {
        let value = max(0, min(Double(Self.longest), seconds * 1_000_000))
        let isRecorded = microseconds.record(UInt64(value.rounded()))
        precondition(isRecorded, "it was cut to what is tracked")
    }

    /// The number of durations.
    public var count: Int { Int(microseconds.totalCount) }

    /// The duration in seconds that a share of all does not exceed, 0 to 1; nil when there is none.
    public func quantile(_ share: Double) -> Double? {
        count == 0 ? nil : Double(microseconds.valueAtPercentile(share * 100)) / 1_000_000
    }

    /// The shortest in seconds; nil when there is none.
    public var shortest: Double? { count == 0 ? nil : Double(microseconds.min) / 1_000_000 }

    /// The longest in seconds; nil when there is none.
    public var longest: Double? { count == 0 ? nil : Double(microseconds.maxRecorded) / 1_000_000 }

    /// The mean in seconds; nil when there is none.
    public var mean: Double? { count == 0 ? nil : microseconds.mean / 1_000_000 }
}

extension Distribution {
    /// Takes durations in seconds.
    public init(seconds: [Double]) {
        self.init()
        for value in seconds { add(seconds: value) }
    }
}

/// All series of one metric, as they are shown: what it is, and its samples.
public struct MetricFamily: Sendable, Hashable {
    /// The types of metrics, as Prometheus calls them.
    public enum Kind: String, Sendable, Hashable {
        /// Only rises, until the process ends; its name ends in `_total`.
        case counter
        /// Rises and falls.
        case gauge
        /// Observations sorted into buckets.
        case histogram
    }

    /// One line of a family.
    public struct Sample: Sendable, Hashable {
        /// The suffix that follows the family's name, such as `_bucket`.
        public var suffix: String
        /// The labels that tell it from the family's other samples.
        public var labels: MetricLabels
        /// In the base unit of the family's name.
        public var value: Double

        /// Creates a sample.
        public init(_ labels: MetricLabels = [:], suffix: String = "", _ value: Double) {
            self.suffix = suffix
            self.labels = labels
            self.value = value
        }
    }

    /// By Prometheus' conventions, with its unit.
    public let name: String
    /// One line for whoever finds it.
    public let help: String
    /// The type of the metric, by which it is to be read.
    public let kind: Kind
    /// In the order in which they are shown.
    public var samples: [Sample]

    /// Creates a family.
    public init(_ name: String, _ kind: Kind, help: String, _ samples: [Sample]) {
        self.name = name
        self.kind = kind
        self.help = help
        self.samples = samples
    }

    /// Creates a counter or gauge that has one series.
    public init(_ name: String, _ kind: Kind, help: String, _ value: some BinaryInteger) {
        self.init(name, kind, help: help, [Sample([:], Double(value))])
    }
}

/// The labels of a sample, in the order in which they are shown.
public struct MetricLabels: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    /// One name with its value.
    public struct Label: Sendable, Hashable {
        /// Letters, digits and underscores.
        public let name: String
        /// Any text.
        public let value: String
    }

    /// The labels; each name stands there once.
    public private(set) var items: [Label]

    /// Takes pairs in the given order.
    public init(_ pairs: [(String, String)]) {
        items = pairs.map { Label(name: PrometheusText.labelName($0), value: $1) }
    }

    /// Takes pairs in the given order.
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init(elements)
    }

    /// The labels with one more behind them.
    func adding(_ name: String, _ value: String) -> MetricLabels {
        var longer = self
        longer.items.append(Label(name: name, value: value))
        return longer
    }

    /// The same names, each with the value that stands for all that are too many.
    var overflow: MetricLabels {
        MetricLabels(items.map { ($0.name, "other") })
    }
}

extension MetricFamily {
    /// Puts together the samples of families that have one name, as a page may name each once.
    public static func merged(_ families: [MetricFamily]) -> [MetricFamily] {
        var merged: [MetricFamily] = []
        var places: [String: Int] = [:]
        for family in families {
            if let place = places[family.name] {
                merged[place].samples += family.samples
            } else {
                places[family.name] = merged.count
                merged.append(family)
            }
        }
        return merged
    }
}

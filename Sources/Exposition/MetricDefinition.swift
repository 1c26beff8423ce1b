/// The parts of a metric that do not change: its name, kind, labels and help.
///
/// A page of metrics and `docs/reference.md` are made of the same definitions.
public struct MetricDefinition: Sendable, Hashable {
    /// The name by Prometheus' conventions, with its unit.
    public let name: String
    /// The way to read it.
    public let kind: MetricFamily.Kind
    /// The names of its labels, in the order in which they are shown.
    public let labels: [String]
    /// One line for an operator who finds it on a dashboard.
    public let help: String

    /// Creates a definition.
    public init(_ name: String, _ kind: MetricFamily.Kind, labels: [String] = [], help: String) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.help = help
    }

    /// Returns the metric with samples.
    ///
    /// - Precondition: Each sample has the definition's labels.
    public func family(_ samples: [MetricFamily.Sample]) -> MetricFamily {
        for sample in samples {
            precondition(sample.labels.items.map(\.name) == labels, "\(name) has the labels \(labels)")
        }
        return MetricFamily(name, kind, help: help, samples)
    }

    /// Returns a metric without labels, with its value.
    public func family(_ value: some BinaryInteger) -> MetricFamily {
        family([MetricFamily.Sample([:], Double(value))])
    }
}

import Foundation

/// A page in Prometheus' text format, read more strictly than Prometheus reads it.
public struct MetricsPage: Sendable {
    /// The error when a text is no page of metrics.
    public struct Malformed: Error, CustomStringConvertible {
        /// The line, and what is wrong with it.
        public let description: String
    }

    /// The value of each series, by its line up to the value.
    public let values: [String: Double]
    /// The type of each family.
    public let types: [String: String]

    /// Reads a page.
    ///
    /// - Throws: `Malformed` unless each family has HELP, TYPE and samples, in this order and once; names and labels
    ///   are of the grammar; counters and units are named by the conventions; no series is there twice; and the
    ///   buckets of each histogram ascend to its count.
    public init(_ text: String) throws {
        guard text.isEmpty || text.hasSuffix("\n") else { throw Malformed(description: "no newline at the end") }
        var (values, types, family): ([String: Double], [String: String], String?) = ([:], [:], nil)
        var buckets: [String: (bound: Double, count: Double)] = [:]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            func fail(_ reason: String) -> Malformed { Malformed(description: "\(reason): \(line)") }
            if let words = Self.comment("HELP", line) {
                guard types[words.name] == nil, !words.rest.isEmpty else { throw fail("HELP twice, late or empty") }
                guard family == nil || values.keys.contains(where: { $0.hasPrefix(family ?? "") }) else {
                    throw fail("the family before has no samples")
                }
                family = words.name
            } else if let words = Self.comment("TYPE", line) {
                guard words.name == family, types[words.name] == nil else { throw fail("TYPE without its HELP") }
                guard ["counter", "gauge", "histogram"].contains(words.rest) else { throw fail("unknown type") }
                guard (words.rest == "counter") == words.name.hasSuffix("_total") else { throw fail("counter or not?") }
                types[words.name] = words.rest
            } else {
                guard let match = line.wholeMatch(of: Self.sample), let value = Self.number(match.output.4) else {
                    throw fail("no sample")
                }
                let (name, labels) = (String(match.output.1), String(match.output.3 ?? ""))
                guard let family, let type = types[family] else { throw fail("a sample of no family") }
                let suffixes = type == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
                guard suffixes.contains(where: { name == family + $0 }) else { throw fail("of another family") }
                let series = String(line.prefix(upTo: match.output.4.startIndex).dropLast())
                guard values.updateValue(value, forKey: series) == nil else { throw fail("twice") }
                if name == family + "_bucket" {
                    guard let end = labels.range(of: "le=\"", options: .backwards),
                        let bound = Self.number(labels[end.upperBound...].dropLast())
                    else { throw fail("no bucket") }
                    let key = family + labels[..<end.lowerBound]
                    if let last = buckets[key], last.bound >= bound || last.count > value { throw fail("descends") }
                    buckets[key] = (bound, value)
                } else if name == family + "_count" {
                    let key = family + (labels.isEmpty ? "" : labels + ",")
                    guard let last = buckets[key], last.bound == .infinity, last.count == value else {
                        throw fail("not the last bucket's")
                    }
                }
            }
        }
        (self.values, self.types) = (values, types)
    }

    /// The value of a series as it stands on the page, such as `name{label="value"}`.
    public subscript(_ series: String) -> Double? { values[series] }

    nonisolated(unsafe) private static let sample =
        /([a-zA-Z_:][a-zA-Z0-9_:]*)(\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)+)\})? ([^ ]+)/

    private static func comment(_ kind: String, _ line: Substring) -> (name: String, rest: String)? {
        let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard words.count == 4, words[0] == "#", words[1] == kind else { return nil }
        return (String(words[2]), String(words[3]))
    }

    private static func number(_ text: Substring) -> Double? {
        text == "+Inf" ? .infinity : text.first == "i" || text.first == "n" ? nil : Double(text)
    }
}

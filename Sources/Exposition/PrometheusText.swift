/// Writes families in Prometheus' text format, version 0.0.4.
///
/// Pure.
public enum PrometheusText {
    /// The content type of the answer to a scrape.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The families with their HELP and TYPE, by name; each has to be there once.
    public static func render(_ families: [MetricFamily]) -> String {
        var text = ""
        for family in families.sorted(by: { $0.name < $1.name }) where !family.samples.isEmpty {
            text += "# HELP \(family.name) \(escapeHelp(family.help))\n"
            text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for sample in family.samples { append(sample, of: family.name, to: &text) }
        }
        return text
    }

    private static func append(_ sample: MetricFamily.Sample, of name: String, to text: inout String) {
        text += name + sample.suffix
        if !sample.labels.items.isEmpty {
            let labels = sample.labels.items.map { "\($0.name)=\"\(escapeValue($0.value))\"" }
            text += "{" + labels.joined(separator: ",") + "}"
        }
        text += " " + number(sample.value) + "\n"
    }

    /// A number as Go reads it; whole ones without a fraction.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return Int64(exactly: value).map(String.init) ?? "\(value)"
    }

    private static func escapeHelp(_ text: String) -> String {
        text.flatMap { character -> String in
            switch character {
            case "\\": #"\\"#
            case _ where character.isNewline: #"\n"#
            default: String(character)
            }
        }.reduce(into: "") { $0.append($1) }
    }

    private static func escapeValue(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += #"\\"#
            case "\"": escaped += #"\""#
            case "\n": escaped += #"\n"#
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// A name of a metric, with an underscore for whatever cannot stand in one.
    static func metricName(_ text: String) -> String { name(text, colons: true) }

    /// A name of a label, with an underscore for whatever cannot stand in one.
    static func labelName(_ text: String) -> String { name(text, colons: false) }

    private static func name(_ text: String, colons: Bool) -> String {
        var name = ""
        for byte in text.utf8 {
            let isLetter = (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
            let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
            let isColon = colons && byte == UInt8(ascii: ":")
            if isDigit && name.isEmpty { name = "_" }
            name += isLetter || isDigit || isColon ? String(UnicodeScalar(byte)) : "_"
        }
        return name.isEmpty ? "_" : name
    }
}

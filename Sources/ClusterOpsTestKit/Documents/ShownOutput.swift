/// Compares what a document shows with what a command prints now.
///
/// Ids, times and measured numbers are others in every run, and lines break where the terminal ends; all else has to be
/// as it is shown. `…` stands for anything. An id that has been shown before has to be the same one again.
package struct ShownOutput: Sendable {
    /// The id of this run for each id of the document.
    private var ids: [String: String] = [:]

    package init() {}

    /// Takes note that an id of the document is an id of this run.
    package mutating func learn(_ shown: String, is real: String) { ids[shown] = real }

    /// Returns a command of the document with the ids of this run.
    package func command(_ shown: String) -> String {
        ids.reduce(shown) { $0.replacing($1.key, with: $1.value) }
    }

    /// Returns whether the output is as it is shown, and learns the ids in it.
    package mutating func matches(_ shown: String, _ actual: String) throws -> Bool {
        var (pattern, new) = ("", [String]())
        let words = shown.split(whereSeparator: \.isWhitespace).map(String.init)
        for (index, word) in words.enumerated() {
            let next = index + 1 < words.count ? words[index + 1] : ""
            if word == "…" {
                pattern += #"\s*.*?\s*"#
                continue
            }
            let isMeasured = ["s", "ms", "%", "MiB"].contains(next.prefix { $0.isLetter || $0 == "%" })
            pattern += piece(word, isMeasured: isMeasured, &new)
            if !next.isEmpty, next != "…" { pattern += #"\s+"# }
        }
        guard let match = try Regex(#"(?s)\s*"# + pattern + #"\s*"#).wholeMatch(in: actual) else { return false }
        for (number, id) in new.enumerated() {
            ids[id] = match.output[number + 1].substring.map(String.init)
        }
        return true
    }

    private func piece(_ word: String, isMeasured: Bool, _ new: inout [String]) -> String {
        let id = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/
        let time = /\d{4}-\d\d-\d\dT[\d:.]+Z/
        var (pattern, rest) = ("", word[...])
        while !rest.isEmpty {
            if let match = rest.prefixMatch(of: id) {
                let shown = String(match.output)
                if let known = ids[shown] {
                    pattern += known
                } else if let place = new.firstIndex(of: shown) {
                    pattern += "\\\(place + 1)"
                } else {
                    new.append(shown)
                    pattern += "([0-9a-f-]{36})"
                }
                rest = rest[match.range.upperBound...]
            } else if let match = rest.prefixMatch(of: time) {
                pattern += #"\d{4}-\d\d-\d\dT[\d:.]+Z"#
                rest = rest[match.range.upperBound...]
            } else if let match = rest.prefixMatch(of: /\d+\.\d+(?![\d.])|\d+/),
                isMeasured || Self.isLoose(match.output)
            {
                pattern += #"\d+(?:\.\d+)?"#
                rest = rest[match.range.upperBound...]
            } else if let match = rest.prefixMatch(of: /[A-Za-z]+|\d+/) {
                pattern += match.output
                rest = rest[match.range.upperBound...]
            } else {
                let character = rest.removeFirst()
                pattern += character == "…" ? ".*?" : Self.literal(character)
            }
        }
        return pattern
    }

    /// Returns whether a number is one that differs from run to run: it has a fraction, or is as long as a process id.
    private static func isLoose(_ number: Substring) -> Bool { number.contains(".") || number.count >= 4 }

    private static func literal(_ character: Character) -> String {
        #"\.+*?()[]{}|^$/-#"#.contains(character) ? "\\\(character)" : String(character)
    }
}

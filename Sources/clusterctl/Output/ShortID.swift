import Foundation

/// UUIDs by their first digits, as people name them; pure.
enum ShortID {
    /// The least that is left of an id.
    ///
    /// These digits of an id of version 7 are the millisecond and the first of its counter: others than those in sight
    /// rarely begin so, while eight digits are the same for a minute.
    static let shortest = 18
    static let whole = 36

    /// Shortens the ids wherever they stand in some texts, all to the least length that tells them apart.
    static func shortened(_ rows: [[String]]) -> [[String]] {
        let length = length(of: rows.flatMap { $0.flatMap(ids) })
        return rows.map { row in row.map { shortened($0, to: length) } }
    }

    /// The least length at which all of some ids differ.
    static func length(of ids: some Sequence<String>) -> Int {
        let sorted = Set(ids).sorted()
        let common = zip(sorted, sorted.dropFirst()).map { zip($0.utf8, $1.utf8).prefix { $0 == $1 }.count }
        return min(whole, max(shortest, (common.max() ?? 0) + 1))
    }

    private static var pattern: Regex<Substring> { /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/ }

    private static func ids(in text: String) -> [String] {
        text.utf8.count < whole ? [] : text.matches(of: pattern).map { String($0.output) }
    }

    private static func shortened(_ text: String, to length: Int) -> String {
        text.utf8.count < whole ? text : text.replacing(pattern) { $0.output.prefix(length) }
    }
}

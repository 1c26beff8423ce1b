/// Finds what somebody probably meant.
package enum NearestName {
    /// The candidate that is nearest to the name by Levenshtein distance, if it is near enough to be worth mentioning.
    ///
    /// A candidate whose last part (behind the last dot) is the same counts as one edit away: the key is right and
    /// stands in the wrong section. So does one that goes on where the name ends, as `password_file` does after
    /// `password`.
    package static func find(_ name: String, among candidates: some Sequence<String>) -> String? {
        // Every key is shorter than 64 bytes; the cost of a comparison grows with the product of the lengths.
        guard name.utf8.count <= 64 else { return nil }
        let farthest = max(2, name.utf8.count / 4)
        let ranked = candidates.map { candidate in
            let isClose = lastPart(candidate) == lastPart(name) || candidate.hasPrefix(name + "_")
            return (candidate, isClose ? 1 : distance(Array(name.utf8), Array(candidate.utf8)))
        }
        guard let (nearest, edits) = ranked.min(by: { ($0.1, $0.0) < ($1.1, $1.0) }), edits <= farthest else {
            return nil
        }
        return nearest
    }

    private static func lastPart(_ path: String) -> Substring? {
        path.split(separator: ".", omittingEmptySubsequences: false).last
    }

    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (line, byte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = line + 1
            for (column, other) in right.enumerated() {
                let substituted = diagonal + (byte == other ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(substituted, diagonal + 1, row[column] + 1)
            }
        }
        return row[right.count]
    }
}

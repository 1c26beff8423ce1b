import ClusterModel

/// A user of the database and where it may connect from, such as `clusterops_worker` at `10.0.0.%`.
package struct DatabaseAccount: Sendable, Hashable, CustomStringConvertible {
    /// The longest name of a user that MariaDB stores; host names are shorter than 255.
    private static let longestUser = 128
    private static let longestHost = 255

    package let user: String
    package let host: String

    /// Takes names that need no escape in a statement.
    ///
    /// - Throws: `ValueError` for an empty or long one, or one with other characters than letters, digits and `_.-:/%`.
    package init(user: String, host: String) throws(ValueError) {
        self.user = try Self.plain(user, "database user", limit: Self.longestUser)
        self.host = try Self.plain(host, "database host", limit: Self.longestHost)
    }

    /// As a statement names it.
    package var description: String { "'\(user)'@'\(host)'" }

    package static func plain(_ text: String, _ kind: String, limit: Int) throws(ValueError) -> String {
        guard (1...limit).contains(text.utf8.count),
            text.utf8.allSatisfy({
                $0.isASCIILowercase || $0.isASCIIUppercase || $0.isASCIIDigit || "_.-:/%".utf8.contains($0)
            })
        else {
            throw ValueError(kind, found: text, expected: "1 to \(limit) letters, digits or characters of _.-:/%")
        }
        return text
    }
}

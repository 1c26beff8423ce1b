import Foundation
import MariaDB

/// The plans by which a server has really executed statements, from its log.
///
/// An EXPLAIN before or after a statement tells of other rows and other statistics than the statement met.
package struct ExecutedPlans: Sendable {
    /// The options of a server that writes down the plan of each statement, those in procedures included, and leaves
    /// the statistics of its tables alone.
    package static let serverOptions = [
        "--slow-query-log=1", "--slow-query-log-file=plans", "--long-query-time=0", "--log-output=FILE",
        "--log-slow-verbosity=query_plan,explain", "--log-slow-disabled-statements=", "--innodb-stats-auto-recalc=OFF",
    ]

    private let path: String

    /// The log of a server that was started with ``serverOptions``.
    package init(of server: PrivateServer) {
        path = "\(server.directory.data)/plans"
    }

    /// The number of bytes that the log has.
    package var length: Int {
        get throws {
            (try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
        }
    }

    /// Returns the plans of what one connection has executed since the log had a length; a statement without a table
    /// has none.
    ///
    /// The server writes an entry after it has answered, and before it takes the connection's next statement: the
    /// last of them is one that nobody wants to know of.
    package func plans(since length: Int, ofConnection number: Int) throws -> [SpokenPlan] {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        try file.seek(toOffset: UInt64(length))
        let text = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
        return text.split(separator: "\n# User@Host:").compactMap { entry in
            entry.contains("# Thread_id: \(number) ") ? Self.plan(String(entry)) : nil
        }
    }

    private static func plan(_ entry: String) -> SpokenPlan? {
        let lines = entry.split(separator: "\n")
        // The first of them has the names of the columns.
        let explained = lines.filter { $0.hasPrefix("# explain: ") }.dropFirst().map { line in
            line.dropFirst("# explain: ".count).split(separator: "\t", omittingEmptySubsequences: false)
        }
        let statement = lines.drop { !$0.hasPrefix("SET timestamp=") }.dropFirst().joined(separator: "\n")
        guard !explained.isEmpty else { return nil }
        return SpokenPlan(
            statement: statement,
            lines: explained.filter { $0.count >= 13 }.map { columns in
                func value(_ column: Int) -> String? { columns[column] == "NULL" ? nil : String(columns[column]) }
                return SpokenPlan.Line(
                    table: value(2),
                    type: value(3),
                    key: value(5),
                    rows: value(8).flatMap { Int($0) } ?? 0,
                    extra: value(12) ?? ""
                )
            }
        )
    }
}

extension SpokenPlan {
    /// The indexes by which the statement reads some tables, such as `work_queue by claim`.
    package func indexes(of tables: Set<String>) -> Set<String> {
        let aliases = statement.matches(of: /(?:FROM|JOIN|UPDATE|INTO)\s+([a-z_]+)(?:\s+AS\s+([a-z_]+))?/)
        let names = Dictionary(
            aliases.map { (String($0.2 ?? $0.1), String($0.1)) },
            uniquingKeysWith: { first, _ in first }
        )
        return Set(
            lines.compactMap { line in
                guard let alias = line.table, let table = names[alias], tables.contains(table) else { return nil }
                return "\(table) by \(line.key ?? "nothing")"
            }
        )
    }
}

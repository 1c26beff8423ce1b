import DatabaseTime
import MariaDB

/// A row of the statements that show the cluster at a glance; its subject says what the numbers count.
package struct StatusRow: Sendable {
    package let subject: String
    package let name: String?
    package let a: Int
    package let b: Int
    package let c: Int
    /// Nil where the subject has no such number.
    package let d: Int?
    package let e: Int
    package let at: Timestamp?

    package init(_ row: MariaDB.Row) throws {
        subject = try row.get("subject")
        name = try row.get("name")
        a = try row.get("a")
        b = try row.get("b")
        c = try row.get("c")
        d = try row.get("d")
        e = try row.get("e")
        at = try row.get("at")
    }
}

/// A line of EXPLAIN.
package struct PlanLine: Sendable, Hashable, CustomStringConvertible {
    package let table: String?
    package let type: String?
    package let key: String?
    package let extra: String

    package var description: String { "\(table ?? "-") \(type ?? "-") by \(key ?? "no index") \(extra)" }
}

import ClusterModel
import MariaDB

/// The ports of a floating address, as a query gathers them in one text.
struct FloatingPortList: Sendable {
    let ports: [FloatingPort]

    /// Parses ports with a space between each two; an empty text has none.
    ///
    /// - Throws: `ValueError` when one of them is none.
    init(_ text: String) throws(ValueError) {
        var ports: [FloatingPort] = []
        for port in text.split(separator: " ") { ports.append(try FloatingPort(String(port))) }
        self.ports = ports.sorted()
    }
}

extension FloatingPortList: SQLConvertible {
    /// The ports with a space between each two.
    var sqlValue: SQLValue { .text(ports.map(\.description).joined(separator: " ")) }

    /// Reads a column that ``ExternalStatements`` gathers.
    init(sqlValue: SQLValue) throws(SQLConversionError) {
        let text = try String(sqlValue: sqlValue)
        do throws(ValueError) { try self.init(text) } catch {
            throw SQLConversionError(reason: "expected \(error.expected)")
        }
    }
}

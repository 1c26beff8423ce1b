import ClusterModel
import MariaDB

/// The allowed addresses of an interface, as a query gathers them in one text.
struct AllowedAddressList: Sendable {
    let addresses: [IPv4CIDR]

    /// Parses ranges with a space between each two; an empty text has none.
    ///
    /// - Throws: `ValueError` when one of them is none.
    init(_ text: String) throws(ValueError) {
        var addresses: [IPv4CIDR] = []
        for range in text.split(separator: " ") { addresses.append(try IPv4CIDR(String(range))) }
        self.addresses = addresses.sorted()
    }
}

extension AllowedAddressList: SQLConvertible {
    /// The ranges with a space between each two.
    var sqlValue: SQLValue { .text(addresses.map(\.description).joined(separator: " ")) }

    /// Reads a column that ``InterfaceStatements`` gathers.
    init(sqlValue: SQLValue) throws(SQLConversionError) {
        let text = try String(sqlValue: sqlValue)
        do throws(ValueError) { try self.init(text) } catch {
            throw SQLConversionError(reason: "expected \(error.expected)")
        }
    }
}

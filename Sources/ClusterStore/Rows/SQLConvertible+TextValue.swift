import ClusterModel
import MariaDB

// Every value that people write as text is stored as that text, or as a number if it is one. A column that holds
// anything else is reported, with the column's name, by the row that was read.

extension SQLConvertible where Self: TextValue {
    /// The canonical text.
    public var sqlValue: SQLValue { .text(description) }

    /// Reads the canonical text.
    public init(sqlValue: SQLValue) throws(SQLConversionError) {
        guard case .text(let text) = sqlValue else {
            throw SQLConversionError(reason: "expected the text of a \(Self.self)")
        }
        do throws(ValueError) {
            try self.init(text)
        } catch {
            throw SQLConversionError(reason: "expected \(error.expected)")
        }
    }
}

extension Lane: SQLConvertible {}
extension QueueName: SQLConvertible {}
extension TaskName: SQLConvertible {}
extension NodeName: SQLConvertible {}
extension NetworkName: SQLConvertible {}
extension HostName: SQLConvertible {}
extension DomainName: SQLConvertible {}
extension MACAddress: SQLConvertible {}
extension IPv4Address: SQLConvertible {}
extension CIDR: SQLConvertible {}
extension IPv4CIDR: SQLConvertible {}
extension QueuePattern: SQLConvertible {}

extension CoalescingKey: SQLConvertible {
    /// The key's text.
    package var sqlValue: SQLValue { .text(description) }

    /// Reads a text column.
    package init(sqlValue: SQLValue) throws(SQLConversionError) {
        self.init(text: try String(sqlValue: sqlValue))
    }
}

extension TypedID: SQLConvertible {
    /// The id as MariaDB's UUID type takes it.
    public var sqlValue: SQLValue { .text(description) }

    /// Reads a UUID column.
    public init(sqlValue: SQLValue) throws(SQLConversionError) {
        guard case .text(let text) = sqlValue, let id = Self(columnText: text) else {
            throw SQLConversionError(reason: "expected a UUID")
        }
        self = id
    }
}

extension SQLConvertible where Self: BoundedNumber {
    /// The number.
    package var sqlValue: SQLValue { rawValue.sqlValue }

    /// Reads an integer column.
    package init(sqlValue: SQLValue) throws(SQLConversionError) {
        let number = try Int(sqlValue: sqlValue)
        do throws(ValueError) { try self.init(number) } catch {
            throw SQLConversionError(reason: "expected \(error.expected)")
        }
    }
}

extension VNI: SQLConvertible {}
extension MTU: SQLConvertible {}

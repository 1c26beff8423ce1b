import ClusterModel
import MariaDB

/// An enumeration whose cases are the words of a column.
package protocol SQLWord: SQLConvertible, RawRepresentable where RawValue == String {}

extension SQLWord {
    /// The value that is bound: the canonical form.
    public var sqlValue: SQLValue { .text(rawValue) }

    /// Reads a column, or throws when its value is of another shape or out of range.
    public init(sqlValue: SQLValue) throws(SQLConversionError) {
        guard let value = Self(rawValue: try String(sqlValue: sqlValue)) else {
            throw SQLConversionError(reason: "expected one of the words of \(Self.self)")
        }
        self = value
    }
}

extension TaskKind: SQLWord {}
extension OperationState: SQLWord {}
extension StandardStream: SQLWord {}
extension AppliedPart: SQLWord {}
extension NodeRole: SQLWord {}
extension NodeState: SQLWord {}
extension DaemonName: SQLWord {}
extension DHCPEventKind: SQLWord {}
extension Handover.Refusal: SQLWord {}
extension AuditKind: SQLWord {}

import ClusterModel
import MariaDB

extension RowLock {
    /// A row was waited for in vain.
    package struct StillHeld: Error {}

    /// Runs a statement that locks by this clause.
    ///
    /// - Throws: ``StillHeld`` when rows were waited for in vain, which is not the database's error: with that one the
    ///   transaction would be begun again, and hold up others.
    package func locking<Result>(_ statement: () throws -> Result) throws -> Result {
        do {
            return try statement()
        } catch let error as DatabaseError where self != .skip && error.code == .lockWaitTimeout {
            throw StillHeld()
        }
    }

    /// The end of a `FOR UPDATE`.
    package var clause: SQL {
        switch self {
        case .skip: "SKIP LOCKED"
        case .wait(.oneSecond): "WAIT 1"
        case .wait(.twoSeconds): "WAIT 2"
        case .wait(.fourSeconds): "WAIT 4"
        case .wait(.eightSeconds): "WAIT 8"
        }
    }
}

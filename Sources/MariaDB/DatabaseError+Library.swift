import CMariaDB

extension DatabaseError {
    /// Makes the error that the library has for the last call on a connection.
    init(lastOf mysql: UnsafeMutablePointer<MYSQL>, _ phase: Phase, of statement: String? = nil) {
        unsafe self.init(library: mysql_errno(mysql), mysql_sqlstate(mysql), mysql_error(mysql), phase, of: statement)
    }

    /// Makes an error of what the library tells: a number, a state and a message.
    init(
        library number: CUnsignedInt,
        _ state: UnsafePointer<CChar>,
        _ message: UnsafePointer<CChar>,
        _ phase: Phase,
        of statement: String?
    ) {
        self.init(
            code: .init(rawValue: number),
            sqlState: unsafe String(cString: state),
            phase: phase,
            statement: statement,
            message: unsafe String(cString: message)
        )
    }
}

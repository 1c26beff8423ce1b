/// The reason why a request was refused or could not be carried out.
///
/// The message says what was asked, what was found, and what to do, and names the thing.
public struct ClusterOpsError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A kind of refusal; each belongs to one exit code of the contract.
    public enum Code: Sendable, Hashable {
        /// A value is malformed, or values contradict each other.
        case invalid
        /// A network, node, interface or operation does not exist.
        case notFound
        /// It exists already, or is in a state that forbids the request.
        case conflict
        /// The database cannot be reached, or does not answer in time.
        case unreachable
        /// The database's user, its password or its rights do not suffice.
        case notPermitted
        /// This program does not work with the schema.
        case notMigrated
        /// The database answered in a way that should not happen.
        case internalFailure
    }

    /// The kind of the refusal.
    public let code: Code
    /// A text that says what was asked, what was found, and what to do.
    public let message: String

    /// Creates a refusal.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }
}

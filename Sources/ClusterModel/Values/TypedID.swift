import FoundationEssentials
import Synchronization

/// The kind of thing that a `TypedID` identifies; it only keeps ids of different things apart.
public protocol IdentifiedKind {
    /// The kind of id as messages name it, such as `operation id`.
    static var kind: String { get }
}

/// A UUID that identifies one kind of thing: it prints lower-case and hyphenated, and any RFC 9562 version is accepted.
public struct TypedID<Kind: IdentifiedKind>: TextValue {
    /// The UUID itself.
    public let rawValue: UUID

    /// Takes a UUID that comes from a column or an API which already vouches for it.
    public init(rawValue: UUID) {
        self.rawValue = rawValue
    }

    /// Parses the form 8-4-4-4-12 in either case.
    ///
    /// - Throws: `ValueError` for anything else, and for a UUID whose version is not 1 to 8 or whose variant is not
    ///   that of RFC 9562: the nil and the max UUID are among them.
    public init(_ text: String) throws(ValueError) {
        guard let uuid = UUID(text: text) else {
            throw ValueError(
                Kind.kind,
                found: text,
                expected: "a UUID such as 0190163d-8694-739b-aea5-966c26f8ad91"
            )
        }
        let (version, variant) = (uuid.uuid.6 >> 4, uuid.uuid.8 >> 6)
        guard (1...8).contains(version), variant == 0b10 else {
            throw ValueError(Kind.kind, found: text, expected: "a UUID of version 1 to 8 with the variant of RFC 9562")
        }
        rawValue = uuid
    }

    /// Takes the text of a UUID column, which vouches for the id; nil for what is no UUID.
    package init?(columnText text: String) {
        guard let uuid = UUID(text: text) else { return nil }
        rawValue = uuid
    }

    /// Makes a new id, greater than all that this process made before.
    ///
    /// Ids are UUIDs of version 7 from the system clock, and go on increasing when that clock steps back.
    public static func new() -> TypedID {
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let random = UInt128.random(in: .min ... .max)
        return TypedID(rawValue: generator.withLock { $0.next(now: now, random: random) })
    }

    /// Makes a random id, of version 4: those that are made at one time have no order, and no neighbours in common.
    package static func random() -> TypedID { TypedID(rawValue: UUID()) }

    /// The UUID in lower case with hyphens.
    public var description: String { rawValue.text }

    /// Compares the bytes, which have the order of the text: lists of hundreds of ids are sorted for each transaction.
    public static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }
}

/// One for all kinds, because a static property of a generic type cannot be stored.
///
/// The system clock and the random bits are read outside the lock.
private let generator = Mutex(UUIDv7Generator())

/// Marks the ids of operations.
public enum OperationKind: IdentifiedKind {
    /// `operation id`.
    public static let kind = "operation id"
}

/// Marks the ids of nodes.
public enum NodeKind: IdentifiedKind {
    /// `node id`.
    public static let kind = "node id"
}

/// Marks the ids of networks.
public enum NetworkKind: IdentifiedKind {
    /// `network id`.
    public static let kind = "network id"
}

/// Marks the ids of guests' interfaces.
public enum InterfaceKind: IdentifiedKind {
    /// `interface id`.
    public static let kind = "interface id"
}

/// Marks the ids of sessions.
public enum SessionKind: IdentifiedKind {
    /// `session id`.
    public static let kind = "session id"
}

/// Marks the ids of requests that the elected node resign.
package enum ResignationKind: IdentifiedKind {
    /// `resignation id`.
    package static let kind = "resignation id"
}

/// Identifies an operation; callers may bring their own.
public typealias OperationID = TypedID<OperationKind>
/// Identifies a node for as long as it is in the cluster; its name may be used again later.
public typealias NodeID = TypedID<NodeKind>
/// Identifies a network; its name may be used again later.
public typealias NetworkID = TypedID<NetworkKind>
/// Identifies a guest's interface in a network.
public typealias InterfaceID = TypedID<InterfaceKind>
/// Identifies the leased presence of one daemon process.
public typealias SessionID = TypedID<SessionKind>
/// Identifies a request that the elected node resign.
package typealias ResignationID = TypedID<ResignationKind>

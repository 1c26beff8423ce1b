/// The priority class of an operation.
///
/// Lanes compare by rank: the better one is the lesser.
public enum Lane: String, TextValue, CaseIterable {
    /// A person is waiting for the answer right now.
    case userWaiting = "user_waiting"
    /// A person will notice how long it takes.
    case userFacing = "user_facing"
    /// As `userFacing`, with much to read or write.
    case userFacingHighIO = "user_facing_high_io"
    /// Nobody waits.
    case background
    /// Nobody waits, and there is much to read or write.
    case backgroundHighIO = "background_high_io"

    /// The lane of an operation that names none.
    public static let `default` = Lane.userFacing

    /// Parses the name of a lane.
    ///
    /// - Throws: `ValueError` that lists the lanes.
    public init(_ text: String) throws(ValueError) {
        guard let lane = Lane(rawValue: text) else {
            let names = Lane.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValueError("lane", found: text, expected: "one of \(names)")
        }
        self = lane
    }

    /// The name of the lane.
    public var description: String { rawValue }

    /// The place of the lane, 0 for the best.
    public var rank: Int {
        switch self {
        case .userWaiting: 0
        case .userFacing: 1
        case .userFacingHighIO: 2
        case .background: 3
        case .backgroundHighIO: 4
        }
    }

    /// A better lane is less than a worse one.
    public static func < (left: Lane, right: Lane) -> Bool { left.rank < right.rank }

    // Written out, because an enum would rather synthesise `{"background":{}}` than choose between the Codable of
    // TextValue and that of RawRepresentable.

    /// Decodes the name of a lane.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        do throws(ValueError) {
            try self.init(text)
        } catch {
            throw DecodingError.dataCorrupted(error, at: decoder.codingPath)
        }
    }

    /// Encodes the name of the lane.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}

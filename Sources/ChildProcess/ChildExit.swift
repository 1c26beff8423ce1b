import CSpawn

/// The way in which a process ended.
public enum ChildExit: Hashable, Sendable, CustomStringConvertible {
    /// It called exit with this code, 0 to 255.
    case code(Int32)
    /// This signal killed it.
    case signal(Int32)

    /// A Boolean value that indicates whether it exited with code 0.
    public var isSuccess: Bool { self == .code(0) }

    /// "exit code 3" or "signal 9".
    public var description: String {
        switch self {
        case .code(let code): "exit code \(code)"
        case .signal(let number): "signal \(number)"
        }
    }

    init(_ exit: cspawn_exit) {
        self = exit.signalled ? .signal(exit.value) : .code(exit.value)
    }
}

/// The part of an output stream that was kept.
public struct CollectedOutput: Hashable, Sendable {
    /// At most as many bytes as the limit allowed.
    ///
    /// A tail may begin in the middle of a character.
    public var bytes: [UInt8]
    /// The number of bytes that the child wrote in all (as far as they were read).
    public var total: Int
    /// The first bytes, as many as were asked for beside a tail.
    public var head: [UInt8]

    /// Takes what was kept, and how much there was.
    public init(bytes: [UInt8], total: Int, head: [UInt8] = []) {
        self.bytes = bytes
        self.total = total
        self.head = head
    }

    /// A Boolean value that indicates whether the child wrote more than was kept.
    public var isTruncated: Bool { total > bytes.count }

    /// The bytes as text; what is not UTF-8 becomes U+FFFD.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
}

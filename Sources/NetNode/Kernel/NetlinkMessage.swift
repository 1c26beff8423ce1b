import Glibc

/// A message of netlink, as the kernel lays it out; pure.
package struct NetlinkMessage: Sendable, Hashable {
    package let type: UInt16
    /// The bytes after the header: a body whose length the type tells, then attributes.
    package let payload: ArraySlice<UInt8>

    /// Reads all messages of a datagram, or of an answer.
    ///
    /// - Throws: ``NetlinkError`` when it is cut short.
    package static func all(in bytes: [UInt8]) throws(NetlinkError) -> [NetlinkMessage] {
        var messages: [NetlinkMessage] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let length = rest.number(at: 0, UInt32.self).map(Int.init),
                let type = rest.number(at: 4, UInt16.self), length >= headerLength, length <= rest.count
            else { throw .malformed("a message is longer than what was read") }
            let end = rest.startIndex + length
            messages.append(NetlinkMessage(type: type, payload: rest[(rest.startIndex + headerLength)..<end]))
            rest = rest.dropFirst(NetlinkAttributes.aligned(length))
        }
        return messages
    }

    private static let headerLength = 16
}

/// The attributes of a message: numbered values, some of which are made of attributes again.
package struct NetlinkAttributes: Sendable {
    private struct Attribute {
        let type: UInt16
        let value: Range<Int>
    }

    private let bytes: ArraySlice<UInt8>
    /// The attributes in the order of the message.
    ///
    /// A message has some dozens, and most of them are never asked for: a dictionary took longer to build than all that
    /// was found in it saved.
    private let attributes: [Attribute]

    /// Reads them; of two with one number the last counts, as in the kernel.
    ///
    /// - Throws: ``NetlinkError`` when they are cut short.
    package init(_ bytes: ArraySlice<UInt8>) throws(NetlinkError) {
        self.bytes = bytes
        attributes = try Self.all(in: bytes)
    }

    private static func all(in bytes: ArraySlice<UInt8>) throws(NetlinkError) -> [Attribute] {
        var all: [Attribute] = []
        all.reserveCapacity(usualCount)
        var start = bytes.startIndex
        while bytes.endIndex - start >= headerLength {
            let offset = start - bytes.startIndex
            guard let length = bytes.number(at: offset, UInt16.self).map(Int.init),
                let type = bytes.number(at: offset + 2, UInt16.self), length >= headerLength,
                length <= bytes.endIndex - start
            else { throw .malformed("an attribute is longer than its message") }
            all.append(Attribute(type: type & typeMask, value: (start + headerLength)..<(start + length)))
            start += aligned(length)
        }
        return all
    }

    /// Reads a list, whose attributes all have one number.
    ///
    /// - Throws: ``NetlinkError`` when it is cut short.
    static func list(_ bytes: ArraySlice<UInt8>) throws(NetlinkError) -> [ArraySlice<UInt8>] {
        try all(in: bytes).map { bytes[$0.value] }
    }

    package subscript(type: UInt16) -> ArraySlice<UInt8>? {
        attributes.last { $0.type == type }.map { bytes[$0.value] }
    }

    /// A number in this machine's order of bytes; nil when it is not there, or too short.
    package func number<Number: FixedWidthInteger>(_ type: UInt16, _: Number.Type = Number.self) -> Number? {
        self[type]?.number(at: 0, Number.self)
    }

    /// A text, which the kernel ends by a zero.
    package func text(_ type: UInt16) -> String? {
        self[type].map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// The attributes that an attribute is made of; nil when it is not there.
    package func nested(_ type: UInt16) throws(NetlinkError) -> NetlinkAttributes? {
        guard let value = self[type] else { return nil }
        return try NetlinkAttributes(value)
    }

    private static let headerLength = 4
    /// A device has some forty.
    private static let usualCount = 48
    /// The two upper bits are flags of the value's encoding.
    private static let typeMask: UInt16 = 0x3fff

    /// Messages and attributes begin at multiples of four.
    static func aligned(_ length: Int) -> Int { (length + 3) & ~3 }
}

/// A netlink request that failed, or an answer that is malformed.
package enum NetlinkError: Error, Sendable, Hashable, CustomStringConvertible {
    case malformed(String)
    /// The kernel refused, with its error number.
    case refused(attempt: String, error: Int32)

    /// The kernel's error number; nil for a malformed answer.
    package var number: Int32? {
        if case .refused(_, let error) = self { error } else { nil }
    }

    /// A Boolean value that indicates whether changes have interrupted every attempt: a later one may succeed.
    package var isInterruption: Bool { number == EINTR }

    package var description: String {
        switch self {
        case .malformed(let why): "the kernel's answer cannot be read: \(why)"
        case .refused(let attempt, let error): "cannot \(attempt): error number \(error)"
        }
    }
}

extension ArraySlice<UInt8> {
    /// A number at a distance from the beginning, in this machine's order of bytes; nil beyond the end.
    func number<Number: FixedWidthInteger>(at offset: Int, _: Number.Type) -> Number? {
        let size = MemoryLayout<Number>.size
        guard offset + size <= count else { return nil }
        return withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Number.self) }
    }

    /// A hardware address as `ip` writes it.
    var hardwareAddress: String {
        map { byte in
            let digits = String(byte, radix: 16)
            return digits.count < 2 ? "0" + digits : digits
        }.joined(separator: ":")
    }
}

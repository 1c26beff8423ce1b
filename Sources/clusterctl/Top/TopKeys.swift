/// A key that `top` knows.
enum TopKey: Equatable {
    case character(Character)
    case enter, escape, erase, eraseAll, tab
    case up, down, pageUp, pageDown
}

/// Makes keys of what a terminal sends; pure.
///
/// Sequences of bytes that are none of ours are left out, also when a slow line cuts one in two.
struct TopKeys {
    private enum Place {
        case ground
        /// An escape was seen, which was a key of its own, or begins a sequence.
        case escape
        /// A sequence with the first of its parameters so far.
        case sequence(UInt8?)
    }

    private var place = Place.ground

    /// Takes bytes as they came.
    mutating func take(_ bytes: some Collection<UInt8>) -> [TopKey] {
        let last = bytes.count - 1
        return bytes.enumerated().compactMap { key($0.element, isLast: $0.offset == last) }
    }

    private mutating func key(_ byte: UInt8, isLast: Bool) -> TopKey? {
        switch (place, byte) {
        case (.escape, UInt8(ascii: "[")), (.escape, UInt8(ascii: "O")):
            place = .sequence(nil)
            return nil
        case (.sequence(let first), 0x40...0x7e):
            place = .ground
            return Self.key(endingIn: byte, first)
        case (.sequence(let first), 0x20...0x3f):
            place = .sequence(first ?? byte)
            return nil
        default: place = .ground
        }
        switch byte {
        case 0x1b:
            place = .escape
            // Of a sequence nothing but a slow line cuts off the escape, and then the filter is gone: no harm.
            return isLast ? .escape : nil
        case 0x0d, 0x0a: return .enter
        case 0x09: return .tab
        case 0x7f, 0x08: return .erase
        case 0x15: return .eraseAll
        case 0x20...0x7e: return .character(Character(Unicode.Scalar(byte)))
        default: return nil
        }
    }

    /// The keys of terminals that are like a VT220, with or without others held down.
    private static func key(endingIn byte: UInt8, _ first: UInt8?) -> TopKey? {
        switch (byte, first) {
        case (UInt8(ascii: "A"), _): .up
        case (UInt8(ascii: "B"), _): .down
        case (UInt8(ascii: "~"), UInt8(ascii: "5")): .pageUp
        case (UInt8(ascii: "~"), UInt8(ascii: "6")): .pageDown
        default: nil
        }
    }
}

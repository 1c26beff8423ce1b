/// A key that `top` knows.
enum TopKey: Equatable {
    case character(Character)
    case enter, escape, erase, eraseAll, tab
}

/// Makes keys of what a terminal sends; pure.
///
/// Keys that send a sequence of bytes, such as arrows, are none of ours and are left out, also when a slow line cuts
/// one in two.
struct TopKeys {
    private enum Place {
        case ground
        /// An escape was seen, which was a key of its own, or begins a sequence.
        case escape
        case sequence
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
            place = .sequence
            return nil
        case (.sequence, 0x40...0x7e):
            place = .ground
            return nil
        case (.sequence, 0x20...0x3f): return nil
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
}

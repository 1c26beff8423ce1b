import FoundationEssentials

/// A datagram by which a leader asks a witness, over the underlay, not to take its lease for now, or by which the
/// witness confirms that.
///
/// It is believed because of what it repeats: a question the holder's session, which is in the lease's row, and an
/// answer the random number of its round, which is in nothing but the question.
package struct WitnessMessage: Sendable, Hashable {
    /// The purpose of a datagram.
    package enum Kind: UInt8, Sendable, Hashable {
        case question = 1
        case confirmation = 2
    }

    package let kind: Kind
    /// The number of the round.
    package let nonce: UInt64
    /// The session that holds the lease.
    package let holder: SessionID
    /// The node that is asked.
    package let witness: NodeID

    package init(_ kind: Kind, nonce: UInt64, holder: SessionID, witness: NodeID) {
        self.kind = kind
        self.nonce = nonce
        self.holder = holder
        self.witness = witness
    }

    /// The bytes of a datagram.
    package static let length = 48

    private static let magic: [UInt8] = Array("COWI".utf8)
    private static let version: UInt8 = 1

    /// The bytes of the datagram.
    package var encoded: [UInt8] {
        Self.magic + [Self.version, kind.rawValue, 0, 0]
            + withUnsafeBytes(of: nonce.bigEndian, Array.init)
            + withUnsafeBytes(of: holder.rawValue.uuid, Array.init)
            + withUnsafeBytes(of: witness.rawValue.uuid, Array.init)
    }

    /// Reads a datagram.
    ///
    /// - Returns: Nil for what is none of this version.
    package init?(_ bytes: some RandomAccessCollection<UInt8>) {
        guard bytes.count == Self.length, bytes.prefix(4).elementsEqual(Self.magic) else { return nil }
        let bytes = Array(bytes)
        guard bytes[4] == Self.version, let kind = Kind(rawValue: bytes[5]) else { return nil }
        func uuid(at offset: Int) -> UUID {
            bytes[offset..<offset + 16].withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
        }
        self.init(
            kind,
            nonce: bytes[8..<16].reduce(0) { $0 << 8 | UInt64($1) },
            holder: SessionID(rawValue: uuid(at: 16)),
            witness: NodeID(rawValue: uuid(at: 32))
        )
    }
}

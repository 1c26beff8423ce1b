import FoundationEssentials

/// A datagram by which one node asks another one, over the underlay, whether it can be reached; the answer is the same
/// datagram with another kind.
///
/// Nothing in it is trusted: an answer counts only if it repeats the nonce of a request that is still open, and a
/// request makes its receiver send as many bytes as it has received, once. Whatever follows the header is padding, by
/// which a request becomes as long as the packets of the networks.
package struct ProbeMessage: Sendable, Hashable {
    /// The purpose of a datagram.
    package enum Kind: UInt8, Sendable, Hashable {
        case request = 1
        case answer = 2
    }

    package var kind: Kind
    /// The node that sends it.
    package var sender: NodeID
    /// The node that it is meant for; another one that has its address answers all the same, by its own id.
    package var receiver: NodeID
    /// The number of the request, for whoever captures packets.
    package var sequence: UInt32
    /// Random bits that only the two ends know.
    package var nonce: UInt64

    package init(kind: Kind, sender: NodeID, receiver: NodeID, sequence: UInt32, nonce: UInt64) {
        self.kind = kind
        self.sender = sender
        self.receiver = receiver
        self.sequence = sequence
        self.nonce = nonce
    }

    /// The bytes of a datagram without padding.
    package static let headerLength = 52
    /// The longest datagram that is read: the largest network's packet with what VXLAN adds.
    package static let longest = MTU.range.upperBound + VXLANOverhead.bytes

    private static let magic: [UInt8] = Array("COPR".utf8)
    private static let version: UInt8 = 1

    /// Returns the bytes of the datagram, padded with zeros to a length that is no less than the header's.
    package func encoded(length: Int = headerLength) -> [UInt8] {
        precondition(length >= Self.headerLength, "a probe has a header")
        var bytes = Self.magic
        bytes.reserveCapacity(length)
        bytes += [Self.version, kind.rawValue, 0, 0]
        bytes += withUnsafeBytes(of: sequence.bigEndian, Array.init)
        bytes += withUnsafeBytes(of: nonce.bigEndian, Array.init)
        bytes += withUnsafeBytes(of: sender.rawValue.uuid, Array.init)
        bytes += withUnsafeBytes(of: receiver.rawValue.uuid, Array.init)
        bytes += repeatElement(0, count: length - Self.headerLength)
        return bytes
    }

    /// Reads a datagram.
    ///
    /// - Returns: Nil for what is no probe of this version.
    package init?(_ bytes: some RandomAccessCollection<UInt8>) {
        guard bytes.count >= Self.headerLength, bytes.prefix(4).elementsEqual(Self.magic) else { return nil }
        let header = Array(bytes.prefix(Self.headerLength))
        guard header[4] == Self.version, let kind = Kind(rawValue: header[5]) else { return nil }
        func number<Number: FixedWidthInteger>(at offset: Int, _: Number.Type) -> Number {
            header[offset..<offset + MemoryLayout<Number>.size].reduce(0) { $0 << 8 | Number($1) }
        }
        func id(at offset: Int) -> NodeID {
            NodeID(
                rawValue: header[offset..<offset + 16].withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
            )
        }
        self.init(
            kind: kind,
            sender: id(at: 20),
            receiver: id(at: 36),
            sequence: number(at: 8, UInt32.self),
            nonce: number(at: 12, UInt64.self)
        )
    }

    /// Returns the answer of a node to a request; nil for what is no request.
    package func answer(by node: NodeID) -> ProbeMessage? {
        guard kind == .request else { return nil }
        return ProbeMessage(kind: .answer, sender: node, receiver: sender, sequence: sequence, nonce: nonce)
    }
}

/// The bytes that VXLAN adds to a packet of a network on its way through an IPv4 underlay: Ethernet 14, VXLAN 8, UDP 8
/// and IPv4 20 (RFC 7348).
package enum VXLANOverhead {
    package static let bytes = 50
}

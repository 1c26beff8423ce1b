/// What travels from a commit to a worker: one byte that says "look", and nothing about what there is to see.
///
/// It carries no data, so that nothing in it can be believed wrongly: whoever is woken reads the database.
enum DoorbellDatagram {
    /// The version of the protocol, which is the whole datagram.
    ///
    /// A later version that says the same keeps the byte.
    static let ring: [UInt8] = [1]

    /// Whether these are the bytes of a ring.
    static func isRing(_ bytes: some Sequence<UInt8>) -> Bool {
        bytes.elementsEqual(ring)
    }
}

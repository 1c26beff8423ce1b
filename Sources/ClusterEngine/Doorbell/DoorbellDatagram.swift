/// The datagram that travels from a commit to a worker: one byte that tells it to look for work, and nothing about what
/// there is to find.
///
/// It carries no data, so that nothing in it can be believed wrongly: whoever is woken reads the database.
enum DoorbellDatagram {
    /// The version of the protocol, which is the whole datagram.
    ///
    /// A later version that says the same keeps the byte.
    static let ring: [UInt8] = [1]

    /// Returns whether these are the bytes of a ring.
    static func isRing(_ bytes: some Sequence<UInt8>) -> Bool {
        bytes.elementsEqual(ring)
    }
}

import ClusterModel
import ClusterStore
import Glibc

/// A UDP socket at an address of the underlay, whose datagrams are never taken apart on the way; no call on it waits.
final class ProbeSocket: Sendable {
    /// A step that the kernel refused.
    struct Failure: Error, CustomStringConvertible {
        let attempt: String
        let number: Int32

        var description: String { "cannot \(attempt): \(String(cString: strerror(number)))" }
    }

    /// The result of a read.
    enum Reading {
        case nothing
        /// So many bytes of the buffer, from that place.
        case datagram(Int, from: SocketName)
        /// The error of an earlier datagram, as a connected socket is told of it.
        case failure(Int32)
    }

    /// The room for requests that wait: 200 ms of 2,000 nodes, each of whose datagrams counts about 2 KB in the kernel.
    private static let receiveBuffer: Int32 = 1 << 20

    private let descriptor: Int32

    /// Opens a socket that anybody may send to, or one for a single peer.
    ///
    /// - Parameters:
    ///   - address: of this node, from which it sends.
    ///   - port: of its own; 0 is any.
    ///   - peer: the only one that it exchanges datagrams with; nil for all.
    /// - Throws: `Failure`, such as that of an address that is not this node's.
    init(at address: IPv4Address, port: UInt16, peer: (address: IPv4Address, port: UInt16)? = nil) throws(Failure) {
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { throw Failure(attempt: "open a socket for probes", number: errno) }
        // Don't Fragment, whatever the kernel has learned of the path: what is learned may be what is probed.
        try set(Int32(IPPROTO_IP), IP_MTU_DISCOVER, IP_PMTUDISC_PROBE, "forbid fragments")
        if peer == nil { try set(SOL_SOCKET, SO_RCVBUFFORCE, Self.receiveBuffer, "enlarge its buffer") }
        try check("bind \(address):\(port)") { descriptor in
            SocketName(address, port: port).lend { bind(descriptor, $0, $1) }
        }
        guard let peer else { return }
        try check("connect to \(peer.address)") { descriptor in
            SocketName(peer.address, port: peer.port).lend { connect(descriptor, $0, $1) }
        }
    }

    deinit { close(descriptor) }

    /// Sends a datagram to the peer.
    ///
    /// - Returns: The kernel's error number; nil when it has taken it.
    func send(_ bytes: [UInt8]) -> Int32? {
        Glibc.send(descriptor, bytes, bytes.count, 0) == bytes.count ? nil : errno
    }

    /// Sends a datagram to a place that one has come from; whether it arrives is not asked.
    func send(_ bytes: UnsafeRawBufferPointer, to place: SocketName) {
        _ = place.lend { sendto(descriptor, bytes.baseAddress, bytes.count, 0, $0, $1) }
    }

    /// Takes the next datagram, or the next error.
    func receive(into buffer: UnsafeMutableRawBufferPointer) -> Reading {
        var place = SocketName()
        let count = place.fill { recvfrom(descriptor, buffer.baseAddress, buffer.count, 0, $0, $1) }
        if count >= 0 { return .datagram(count, from: place) }
        return errno == EAGAIN || errno == EINTR ? .nothing : .failure(errno)
    }

    private func set(_ level: Int32, _ option: Int32, _ value: Int32, _ attempt: String) throws(Failure) {
        try check(attempt) { descriptor in
            var value = value
            return setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    private func check(_ attempt: @autoclosure () -> String, _ call: (Int32) -> Int32) throws(Failure) {
        guard call(descriptor) == 0 else { throw Failure(attempt: attempt(), number: errno) }
    }
}

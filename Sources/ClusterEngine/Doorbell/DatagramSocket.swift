import ClusterModel
import Glibc

/// A UDP socket to send from; the only place of the doorbell that asks Linux itself.
///
/// It is not a NIO channel, because a plain `sendto` suits better on every count: it hands the datagram to the kernel
/// before it returns, so that a command may exit right after it; it needs no event loops, of which NIO starts one a
/// core; and an address without a route fails alone, where NIO 2.101 closes the channel for all (at ENETUNREACH and
/// EPERM).
struct DatagramSocket: ~Copyable {
    private let descriptor: Int32

    /// Opens a socket on any address and port.
    ///
    /// - Throws: `Errno` when the process or the machine has no more descriptors.
    init() throws(Errno) {
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { throw Errno(code: errno) }
    }

    deinit {
        close(descriptor)
    }

    /// The address of this machine from which the kernel would send to another one; nothing is sent.
    ///
    /// - Throws: `Errno`, such as that of no route.
    func source(towards address: IPv4Address) throws(Errno) -> IPv4Address {
        var own = SocketName()
        // Any port will do; 0 is refused by some kernels.
        guard SocketName(address, port: 9).lend({ connect(descriptor, $0, $1) }) == 0,
            own.fill({ getsockname(descriptor, $0, $1) }) == 0
        else { throw Errno(code: errno) }
        return own.address
    }

    /// Hands a datagram to the kernel; never waits.
    ///
    /// - Throws: `Errno`, such as that of no route. That nobody listens there is not known, and no error.
    func send(_ bytes: [UInt8], to address: IPv4Address, port: UInt16) throws(Errno) {
        let sent = SocketName(address, port: port).lend { sendto(descriptor, bytes, bytes.count, 0, $0, $1) }
        guard sent == bytes.count else { throw Errno(code: errno) }
    }

    /// An error that the kernel returned.
    struct Errno: Error, CustomStringConvertible {
        let code: Int32

        var description: String { String(cString: strerror(code)) }
    }
}

import CSpawn
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import Glibc

/// A UDP socket in a network namespace, which need not be its owner's; no call on it waits.
final class NamespaceSocket: Sendable {
    /// A step that the kernel refused.
    struct Failure: Error, CustomStringConvertible {
        let attempt: String
        let number: Int32

        /// A Boolean value that indicates whether the namespace or the device is not there, or not yet: for a moment
        /// the name of a new namespace is a plain file.
        var isOfAbsence: Bool { number == ENOENT || number == ENODEV || number == EINVAL }

        var description: String { "cannot \(attempt): \(String(cString: strerror(number)))" }
    }

    /// The place that a datagram comes from or goes to.
    struct Place: Sendable, Hashable {
        let address: IPv4Address
        let port: UInt16

        fileprivate var name: SocketName { SocketName(address, port: port) }
    }

    /// The longest datagram, an Ethernet frame: those that are expected here are shorter.
    private static let longest = 1500
    private let descriptor: Int32

    /// Creates a socket.
    ///
    /// - Parameter namespacePath: the namespace's file.
    /// - Throws: `Failure` when there is no such namespace, or no right to enter it.
    init(in namespacePath: String) throws(Failure) {
        descriptor = cspawn_datagram_socket_in(namespacePath)
        guard descriptor >= 0 else { throw Failure(attempt: "open a socket in \(namespacePath)", number: errno) }
    }

    deinit { close(descriptor) }

    /// Binds the socket to `place` for datagrams from `peer` only, also where another socket is bound to the same port.
    ///
    /// Until it is connected it is bound to the loopback device, where guests' datagrams do not arrive: so it never
    /// takes one that is for the other socket.
    func take(at place: Place, from peer: Place) throws(Failure) {
        var one: Int32 = 1
        try check("share port \(place.port)") {
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        }
        try stay(on: "lo")
        try check("bind \(place.address):\(place.port)") { place.name.lend { bind(descriptor, $0, $1) } }
        try check("connect to \(peer.address):\(peer.port)") { peer.name.lend { connect(descriptor, $0, $1) } }
        try stay(on: "")
    }

    /// Sends a datagram; the kernel chooses from where.
    func send(_ bytes: [UInt8], to place: Place) throws(Failure) {
        try check("send to \(place.address):\(place.port)") {
            Int32(place.name.lend { sendto(descriptor, bytes, bytes.count, 0, $0, $1) })
        }
    }

    /// A datagram that has come; nil when there is none, or none yet.
    func receive() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: Self.longest)
        let count = bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
        // An error here is of an earlier datagram: its port was closed. It counts as no answer.
        return count < 0 ? nil : Array(bytes.prefix(count))
    }

    /// Binds it to a device, or, with an empty name, to none.
    private func stay(on device: String) throws(Failure) {
        try check("bind to '\(device)'") {
            setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, device, socklen_t(device.utf8.count))
        }
    }

    private func check(_ attempt: @autoclosure () -> String, _ call: () -> Int32) throws(Failure) {
        while call() < 0 {
            guard errno == EINTR else { throw Failure(attempt: attempt(), number: errno) }
        }
    }
}

extension MACAddress {
    /// Sets it as the hardware address of a device of a namespace, also when the device has it already: the kernel then
    /// sends a gratuitous ARP for each of the device's addresses (`arp_notify`).
    ///
    /// It is a system call of this process: running `ip` for it takes 5 ms, which is a second for 150 networks.
    ///
    /// - Throws: `NamespaceSocket.Failure` when there is no such namespace or device.
    func give(to device: String, in namespacePath: String) throws(NamespaceSocket.Failure) {
        let octets = octets
        guard cspawn_set_hardware_address_in(namespacePath, device, octets) == 0 else {
            throw NamespaceSocket.Failure(attempt: "give \(self) to \(device) in \(namespacePath)", number: errno)
        }
    }
}

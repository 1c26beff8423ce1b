import Foundation

/// A UDP socket in a namespace, as a service of a node has one: on all its addresses.
package final class UDPPort: Sendable {
    private let socket: Int32

    /// - Parameters:
    ///   - port: to which it is bound; 0 is any.
    ///   - namespace: the name of its network namespace.
    /// - Throws: When the port is taken.
    package init(_ port: UInt16, in namespace: String) throws {
        socket = try WithinNamespace.run("/run/netns/\(namespace)") {
            let socket = Foundation.socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            let isBound = Self.named(0, port) { bind(socket, $0, $1) == 0 }
            guard isBound else {
                defer { close(socket) }
                throw WithinNamespace.Failure(description: "cannot bind UDP port \(port): errno \(errno)")
            }
            return socket
        }
    }

    deinit { close(socket) }

    /// Sends a datagram.
    package func send(_ payload: [UInt8], to address: UInt32, port: UInt16) throws {
        let count = Self.named(address, port) { sendto(socket, payload, payload.count, 0, $0, $1) }
        guard count == payload.count else {
            throw WithinNamespace.Failure(description: "cannot send a datagram: errno \(errno)")
        }
    }

    /// The datagrams that have come since the last call.
    package func datagrams() -> [[UInt8]] {
        var datagrams: [[UInt8]] = []
        while true {
            var datagram = [UInt8](repeating: 0, count: 2048)
            let count = recv(socket, &datagram, datagram.count, Int32(MSG_DONTWAIT))
            guard count >= 0 else { return datagrams }
            datagrams.append(Array(datagram.prefix(count)))
        }
    }

    private static func named<Result>(
        _ address: UInt32,
        _ port: UInt16,
        _ call: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = address.bigEndian
        return withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

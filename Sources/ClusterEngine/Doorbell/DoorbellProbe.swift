import ClusterModel
import Glibc

/// Rings doorbells to find out where nobody listens: a kernel without a listener answers so at once.
///
/// No answer is no proof: a ring is never answered, and a firewall may swallow it. A ring that was not needed does no
/// harm.
package enum DoorbellProbe {
    /// An answer of a machine of the same site takes a millisecond.
    private static let patience: Duration = .milliseconds(200)
    /// Descriptors that are open at once.
    private static let atOnce = 200

    /// Those of the addresses that refuse, in their order.
    package static func refusing(among addresses: [HostPort]) async throws -> [HostPort] {
        var refusing: [HostPort] = []
        var rest = addresses[...]
        while !rest.isEmpty {
            let page = rest.prefix(atOnce)
            rest = rest.dropFirst(atOnce)
            let sockets = page.compactMap { address in ConnectedSocket(to: address).map { (address, $0) } }
            for (_, socket) in sockets { socket.ring() }
            // There is no event to wait for: that nothing was refused is told by nobody. A command asks, which ends
            // with its task.
            try await Task.sleep(for: patience)
            refusing += sockets.filter { $0.1.wasRefused }.map(\.0)
        }
        return refusing
    }
}

/// A UDP socket that hears of refusals, because it has one peer only.
private final class ConnectedSocket: Sendable {
    private let descriptor: Int32

    /// Nil for a name, which no daemon advertises, and where there is no route or no descriptor.
    init?(to address: HostPort) {
        guard case .address(let host) = address.host else { return nil }
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { return nil }
        let connected = SocketName(host, port: address.port).lend { connect(descriptor, $0, $1) }
        guard connected == 0 else { return nil }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    func ring() {
        let bytes = DoorbellDatagram.ring
        // A refusal is read later; that it cannot be sent at all is told by `wasRefused` too.
        _ = send(descriptor, bytes, bytes.count, 0)
    }

    var wasRefused: Bool {
        var error: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == ECONNREFUSED
    }
}

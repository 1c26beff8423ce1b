import Foundation
import Synchronization

/// Something that listens like a MariaDB server without TLS, and asks whoever comes for the password in clear.
package final class ClearPasswordServer: Sendable {
    /// The port of 127.0.0.1.
    package let port: UInt16
    private let listener: Int32
    private let heard = Mutex<(connections: Int, bytes: [UInt8])>((0, []))

    /// The time for which a client may be silent before it is taken for gone, in milliseconds.
    private static let patience: Int32 = 5000

    /// Begins to listen.
    package init() throws {
        (listener, port) = try ProxySockets.listen()
        Thread.detachNewThread { [self] in
            while let client = ProxySockets.accept(listener) {
                serve(client)
                close(client)
            }
            close(listener)
        }
    }

    /// Ends.
    package func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
    }

    /// The number of clients that have come.
    package var connections: Int { heard.withLock { $0.connections } }

    /// Returns whether any client has said this.
    package func hasHeard(_ text: String) -> Bool {
        String(decoding: heard.withLock { $0.bytes }, as: UTF8.self).contains(text)
    }

    private func serve(_ client: Int32) {
        heard.withLock { $0.connections += 1 }
        guard ProxySockets.write(Self.packet(0, Self.greeting)[...], to: client), hear(client) else { return }
        let request = [0xfe] + Array("mysql_clear_password".utf8) + [0]
        guard ProxySockets.write(Self.packet(2, request)[...], to: client) else { return }
        while hear(client) {}
    }

    private func hear(_ client: Int32) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        guard !ProxySockets.readable([client], milliseconds: Self.patience).isEmpty else { return false }
        let bytes = ProxySockets.read(client, into: &buffer)
        heard.withLock { $0.bytes += bytes }
        return !bytes.isEmpty
    }

    private static func packet(_ number: UInt8, _ payload: [UInt8]) -> [UInt8] {
        [UInt8(payload.count & 0xff), UInt8(payload.count >> 8), 0, number] + payload
    }

    /// The first packet of protocol 10: the version, a scramble, and what the server can do, TLS not among it.
    private static var greeting: [UInt8] {
        var bytes: [UInt8] = [10] + Array("5.5.5-10.11.0-MariaDB".utf8) + [0]
        bytes += [1, 0, 0, 0]
        bytes += Array("abcdefgh".utf8) + [0]
        // Long passwords, found rows, a schema, protocol 4.1, transactions, secure authentication.
        bytes += [0x0b, 0xa2]
        // utf8mb4, no status; plugins.
        bytes += [45, 2, 0, 0x08, 0x00, 21]
        bytes += [UInt8](repeating: 0, count: 10)
        bytes += Array("ijklmnopqrst".utf8) + [0]
        bytes += Array("mysql_native_password".utf8) + [0]
        return bytes
    }
}

import Foundation
import Synchronization

/// One client's connection through a proxy, on a thread of its own.
final class ProxiedConnection: Sendable {
    private let proxy: DatabaseProxy
    private let client: Int32
    private let server: Int32
    private let isOpen = Mutex(true)

    init(_ proxy: DatabaseProxy, client: Int32, server: Int32) {
        self.proxy = proxy
        self.client = client
        self.server = server
    }

    /// Breaks both sides, from any thread.
    func drop() {
        isOpen.withLock { isOpen in
            guard isOpen else { return }
            shutdown(client, Int32(SHUT_RDWR))
            shutdown(server, Int32(SHUT_RDWR))
        }
    }

    /// Passes bytes on until one side ends, or the proxy breaks the connection.
    func run() {
        var stream = ClientStream()
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var goesOn = true
        while goesOn {
            let readable = ProxySockets.readable([client, server])
            if readable.contains(server) {
                let bytes = ProxySockets.read(server, into: &buffer)
                stream.answered(bytes)
                goesOn = !bytes.isEmpty && pass(bytes, to: client)
            }
            if goesOn, readable.contains(client) {
                let bytes = ProxySockets.read(client, into: &buffer)
                goesOn = !bytes.isEmpty && stream.feed(bytes).allSatisfy(handle)
            }
        }
        isOpen.withLock { isOpen in
            isOpen = false
            close(client)
            close(server)
        }
    }

    /// Passes a packet on, or does to it what was ordered; false ends the connection.
    private func handle(_ packet: ClientStream.Packet) -> Bool {
        guard let event = packet.event, let disturbance = proxy.disturbance(of: event) else {
            return pass(packet.bytes[...], to: server)
        }
        switch disturbance {
        case .cutBefore:
            proxy.count { $0.cutBefore += 1 }
        case .cutAfter:
            let landed = land(packet)
            proxy.count { $0.note(landed, \.cutAfter) }
        case .landLate, .hold:
            // The client learns at once that it knows nothing, while the server still has the transaction.
            shutdown(client, Int32(SHUT_RDWR))
            proxy.wait(asOrderedBy: disturbance)
            let landed = land(packet)
            proxy.count { $0.note(landed, \.landedLate) }
        case .refuse(let code):
            proxy.count { $0.interrupted += 1 }
            return pass(Self.error(code)[...], to: client)
        }
        return false
    }

    /// Sends a packet to the server and waits for its answer; true when that is a success.
    private func land(_ packet: ClientStream.Packet) -> Bool {
        guard ProxySockets.write(packet.bytes[...], to: server) else { return false }
        guard !ProxySockets.readable([server], milliseconds: Self.longestAnswer).isEmpty else { return false }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let answer = ProxySockets.read(server, into: &buffer)
        // 0xff begins an error.
        return answer.count > 4 && answer[4] != 0xff
    }

    /// An error, in a packet that answers the first of a command.
    private static func error(_ code: UInt16) -> [UInt8] {
        let payload = [0xff, UInt8(code & 0xff), UInt8(code >> 8)] + Array("#HY000told so by a test".utf8)
        return [UInt8(payload.count), 0, 0, 1] + payload
    }

    /// Longer than any statement of ours may take on the server, in milliseconds.
    private static let longestAnswer: Int32 = 15_000

    private func pass(_ bytes: ArraySlice<UInt8>, to side: Int32) -> Bool {
        switch proxy.pace {
        case .normal: return ProxySockets.write(bytes, to: side)
        case .delayed(let milliseconds):
            usleep(milliseconds * 1000)
            return ProxySockets.write(bytes, to: side)
        case .trickling(let size):
            var rest = bytes
            while !rest.isEmpty {
                guard ProxySockets.write(rest.prefix(size), to: side) else { return false }
                rest = rest.dropFirst(size)
                usleep(1000)
            }
            return true
        }
    }
}

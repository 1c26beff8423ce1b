import Foundation

/// A device of a namespace, seen as a cable: frames are sent as they are, and every frame is seen that comes or goes.
package final class RawPort: Sendable {
    private static let family: Int32 = 17  // AF_PACKET
    private static let everyProtocol: UInt16 = 3  // ETH_P_ALL
    private static let longest = 2048
    /// For what comes while nobody reads.
    private static let buffer: Int32 = 4 << 20

    private let socket: Int32

    /// - Parameters:
    ///   - device: by name.
    ///   - namespace: the name of its network namespace.
    /// - Throws: When there is no such device.
    package init(_ device: String, in namespace: String) throws {
        socket = try WithinNamespace.run("/run/netns/\(namespace)") { try Self.open(device) }
    }

    deinit { close(socket) }

    /// Sends a frame.
    package func send(_ frame: [UInt8]) throws {
        guard Foundation.send(socket, frame, frame.count, 0) == frame.count else { throw Self.failure("send a frame") }
    }

    /// The frames that were seen since the last call, in their order.
    package func frames() -> [[UInt8]] {
        var frames: [[UInt8]] = []
        while true {
            var frame = [UInt8](repeating: 0, count: Self.longest)
            let count = recv(socket, &frame, frame.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { return frames }
            frames.append(Array(frame.prefix(count)))
        }
    }

    private static func open(_ device: String) throws -> Int32 {
        let index = if_nametoindex(device)
        guard index > 0 else { throw failure("find \(device)") }
        let socket = Foundation.socket(
            family,
            Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue),
            Int32(everyProtocol.bigEndian)
        )
        var size = buffer
        setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &size, socklen_t(MemoryLayout<Int32>.size))
        // struct sockaddr_ll, which Glibc's module does not have.
        var name = [UInt8](repeating: 0, count: 20)
        name.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: UInt16(family), toByteOffset: 0, as: UInt16.self)
            bytes.storeBytes(of: everyProtocol.bigEndian, toByteOffset: 2, as: UInt16.self)
            bytes.storeBytes(of: Int32(index), toByteOffset: 4, as: Int32.self)
        }
        let isBound = name.withUnsafeBytes { bytes in
            bytes.baseAddress.map { bind(socket, $0.assumingMemoryBound(to: sockaddr.self), 20) == 0 } ?? false
        }
        guard isBound else {
            defer { close(socket) }
            throw failure("see what comes to \(device)")
        }
        return socket
    }

    private static func failure(_ attempt: String) -> WithinNamespace.Failure {
        .init(description: "cannot \(attempt): \(String(cString: strerror(errno)))")
    }
}

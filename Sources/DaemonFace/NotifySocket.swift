import Glibc
import NIOCore

/// The socket by which a service manager is told what a daemon does, sd_notify(3) without libsystemd.
package struct NotifySocket: Sendable {
    private let path: [UInt8]

    /// Takes what `$NOTIFY_SOCKET` says: a path, or, after an `@`, an abstract name.
    ///
    /// - Returns: Nil for anything else, and for what is longer than an address.
    package init?(_ variable: String?) {
        guard let variable, var bytes = Optional(Array(variable.utf8)), bytes.count > 1,
            bytes.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path), !bytes.contains(0)
        else { return nil }
        switch bytes[0] {
        case UInt8(ascii: "/"): break
        case UInt8(ascii: "@"): bytes[0] = 0
        default: return nil
        }
        path = bytes
    }

    /// Sends assignments, a line each, as one datagram.
    ///
    /// - Returns: Whether the kernel took it. A manager that is gone, or does not read, is no reason to wait or to
    ///   fail.
    @discardableResult
    package func send(_ assignments: [String]) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        // An abstract name ends where the address says, a path at its NUL.
        let length = MemoryLayout<sockaddr_un>.offset(of: \.sun_path).map { $0 + path.count } ?? 0
        let bytes = Array(assignments.joined(separator: "\n").utf8)
        let sent = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT), $0, socklen_t(length))
            }
        }
        return sent == bytes.count
    }
}

/// The clock of `MONOTONIC_USEC`, which is CLOCK_MONOTONIC.
///
/// By NIO: in a release build the compiler takes C's own `timespec` for a type of a module that NIO does not export.
func monotonicMicroseconds() -> UInt64 { NIODeadline.now().uptimeNanoseconds / 1000 }

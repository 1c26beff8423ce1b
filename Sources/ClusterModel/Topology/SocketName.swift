import Glibc

/// An IPv4 address with a port, as the kernel's socket calls take and give it.
///
/// Only this file knows the fields of `sockaddr_in`. In a module some of whose files import NIO, the compiler may take
/// the type for that of NIO's C module, and then refuses its fields in a file that imports Glibc alone.
package struct SocketName: Sendable {
    private var name = sockaddr_in()

    /// Makes the name of no place, to be filled in by the kernel.
    package init() {}

    package init(_ address: IPv4Address, port: UInt16) {
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = address.rawValue.bigEndian
    }

    package var address: IPv4Address { IPv4Address(rawValue: UInt32(bigEndian: name.sin_addr.s_addr)) }

    /// Lends the name to a call that takes one.
    package func lend<Result>(_ call: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    /// Lets a call fill the name in.
    package mutating func fill<Result>(
        _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Result
    ) -> Result {
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, &length) }
        }
    }
}

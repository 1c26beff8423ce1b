import ClusterModel
import ClusterStore
import Glibc

/// A device of this node, asked for by `ioctl`: that costs a microsecond, where a dump of all devices of a node with
/// hundreds of networks costs some milliseconds.
struct LocalDevice: Sendable, Hashable {
    let name: String
    let isUp: Bool
    /// A Boolean value that indicates whether frames can leave it, as far as the driver knows.
    let hasCarrier: Bool
    let mtu: Int

    /// The requests of `ioctl` (linux/sockios.h).
    private enum Request {
        static let configuration: UInt = 0x8912
        static let flags: UInt = 0x8913
        static let mtu: UInt = 0x8921
    }

    /// `struct ifreq`: a name, and a union that begins with a `struct sockaddr_in`, a short or an int.
    private static let (entryLength, nameLength) = (40, 16)
    private static let addressOffset = nameLength + 4
    /// IFF_UP and IFF_RUNNING.
    private static let (isUpFlag, hasCarrierFlag): (Int16, Int16) = (0x1, 0x40)
    /// Addresses of this node that are looked through; those of networks are in namespaces.
    private static let mostAddresses = 512

    /// Finds the device that has an address.
    ///
    /// - Returns: Nil when none has.
    static func with(_ address: IPv4Address) -> LocalDevice? {
        addresses().first { $0.address == address }.flatMap { named($0.device) }
    }

    /// Finds a device by its name.
    ///
    /// - Returns: Nil when there is none.
    static func named(_ name: String) -> LocalDevice? {
        withSocket { socket in
            guard let flags: Int16 = ask(socket, Request.flags, name), let mtu: Int32 = ask(socket, Request.mtu, name)
            else { return nil }
            return LocalDevice(
                name: name,
                isUp: flags & isUpFlag != 0,
                hasCarrier: flags & hasCarrierFlag != 0,
                mtu: Int(mtu)
            )
        }
    }

    /// The IPv4 addresses of this node with their devices.
    static func addresses() -> [(device: String, address: IPv4Address)] {
        let found = withSocket { socket -> [(String, IPv4Address)]? in
            let capacity = entryLength * mostAddresses
            return withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 8) { buffer in
                var request = ifconf()
                request.ifc_len = Int32(capacity)
                request.ifc_ifcu.ifcu_buf = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
                guard ioctl(socket, Request.configuration, &request) == 0 else { return nil }
                return stride(from: 0, to: Int(request.ifc_len), by: entryLength).map { offset in
                    let entry = UnsafeRawBufferPointer(rebasing: buffer[offset..<offset + entryLength])
                    // An address has a label, which is the device's name, or that with a colon and more.
                    let label = entry.prefix(nameLength).prefix { $0 != 0 && $0 != UInt8(ascii: ":") }
                    let number = entry.loadUnaligned(fromByteOffset: addressOffset, as: UInt32.self)
                    return (String(decoding: label, as: UTF8.self), IPv4Address(rawValue: UInt32(bigEndian: number)))
                }
            }
        }
        return found ?? []
    }

    private static func ask<Answer: FixedWidthInteger>(_ socket: Int32, _ request: UInt, _ name: String) -> Answer? {
        withUnsafeTemporaryAllocation(byteCount: entryLength, alignment: 8) { entry in
            entry.initializeMemory(as: UInt8.self, repeating: 0)
            guard name.utf8.count < nameLength else { return nil }
            entry.copyBytes(from: name.utf8)
            guard let start = entry.baseAddress, ioctl(socket, request, start) == 0 else { return nil }
            return entry.loadUnaligned(fromByteOffset: nameLength, as: Answer.self)
        }
    }

    private static func withSocket<Result>(_ body: (Int32) -> Result?) -> Result? {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return body(descriptor)
    }
}

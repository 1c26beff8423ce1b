import ClusterModel
import ClusterOpsTestKit
import Glibc

/// The socket of a service manager, as a daemon sees it; what came is kept.
final class NotifyListener: Sendable {
    /// What `NOTIFY_SOCKET` has to say.
    let variable: String
    private let descriptor: Int32
    private let received = Locked<[String]>([])

    /// Listens at a path, or under an abstract name when it begins with an `@`.
    init(_ variable: String) throws {
        self.variable = variable
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(variable.utf8)
        if name[0] == UInt8(ascii: "@") { name[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        guard bound == 0 else { throw ClusterOpsError(.invalid, "bind(\(variable)): errno \(errno)") }
    }

    deinit {
        close(descriptor)
    }

    /// All assignments so far, in the order in which they came.
    var lines: [String] {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return received.value }
            let text = String(decoding: buffer.prefix(count), as: UTF8.self)
            received.update { $0 += text.split(separator: "\n").map(String.init) }
        }
    }

    /// How many begin with a word.
    func count(_ word: String) -> Int { lines.count { $0.hasPrefix(word) } }
}

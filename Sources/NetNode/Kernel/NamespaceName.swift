import ClusterModel
import Glibc

/// The name of a network's namespace on a node: the node's prefix and the network's VNI.
///
/// Names are the one thing that all nodes of a machine share; so the prefix differs between nodes that share one. A
/// namespace is ours only when its whole name is the prefix and a VNI in its canonical spelling.
package struct NamespaceName: Sendable, Hashable, CustomStringConvertible {
    /// The directory in which `ip netns` keeps the names.
    package static let directory = "/run/netns"

    package let prefix: String
    package let vni: VNI

    package init(prefix: String, _ vni: VNI) {
        self.prefix = prefix
        self.vni = vni
    }

    /// Reads a name that is there; nil when it is not wholly one of this prefix.
    package init?(_ name: String, prefix: String) {
        guard name.hasPrefix(prefix), let vni = try? VNI(String(name.dropFirst(prefix.count))) else { return nil }
        self.init(prefix: prefix, vni)
    }

    package var description: String { "\(prefix)\(vni)" }
    /// The file by which the namespace is entered.
    package var path: String { "\(Self.directory)/\(self)" }

    /// The presence of a namespace behind a name.
    package enum Presence: Sendable, Hashable {
        case absent
        /// A file to which no namespace is bound: left by a process that was killed while it made one, or made in
        /// another mount namespace.
        case broken
        case present
    }

    /// The namespace behind the name, if there is one.
    package var presence: Presence {
        guard let found = Self.status(of: path) else { return .absent }
        return found.st_dev == Self.fileSystem ? .present : .broken
    }

    /// The kernel's number of the namespace behind the name, which a later one may get again; nil where there is none.
    var number: UInt64? {
        Self.status(of: path).flatMap { $0.st_dev == Self.fileSystem ? UInt64($0.st_ino) : nil }
    }

    /// All namespaces are files of one file system.
    private static let fileSystem = status(of: "/proc/self/ns/net")?.st_dev

    private static func status(of path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }
}

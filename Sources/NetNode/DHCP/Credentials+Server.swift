import ChildProcess
import ClusterModel
import Glibc

extension Credentials {
    /// Returns the user that the server of a network runs as from its first instruction, with the capabilities that it
    /// needs for its work.
    ///
    /// Each network has a user and a group of its own, by number: they need no entry in `/etc/passwd`. So a server that
    /// a guest has taken over reads neither the memory nor the files of another network's. It must not begin as root:
    /// by becoming another user it would lose its parent-death signal.
    ///
    /// - Parameters:
    ///   - vni: of the network.
    ///   - firstUser: the number that its VNI is added to; see `network.first_user_id`.
    /// - Returns: The credentials.
    package static func server(of vni: VNI, firstUser: uid_t) -> Credentials {
        let number = firstUser + uid_t(vni.rawValue)
        return Credentials(user: number, group: number, capabilities: [.netAdmin, .netRaw, .netBindService])
    }
}

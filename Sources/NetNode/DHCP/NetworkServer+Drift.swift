import ChildProcess
import ClusterEngine
import ClusterModel

/// The drift check of a server: whether its process, namespace, device and files are as its last pass left them.
extension NetworkServer {
    /// Returns whether a pass would change something of a server that runs, or that could not be started, without a
    /// change of the wanted state.
    ///
    /// False during a pass, and for a server that has just died: its exit adds the network to the queue anyway.
    ///
    /// - Parameter readingFiles: whether to compare its files too.
    /// - Returns: Whether it needs a pass.
    func hasDrifted(readingFiles: Bool) -> Bool {
        guard let current else { return hasFailed }
        guard let hosts = current.hosts, let names = current.names, current.child.exitIfEnded == nil else {
            return false
        }
        guard isInPlace(current) else { return true }
        guard readingFiles else { return false }
        // Files that cannot be read are reported by a pass.
        guard let found = try? disk().read() else { return true }
        let kept = [(found.configuration, current.configuration), (found.hosts, hosts), (found.names, names)]
        return !kept.allSatisfy { bytes, text in bytes?.elementsEqual(text.utf8) ?? false }
    }

    /// Returns whether a child lives in the namespace, on the device and with the lease file that a new one would.
    func isInPlace(_ running: Running) -> Bool {
        let namespace = ProcessFacts.Namespace(of: namespacePath)
        let device = ProcessFacts(pid: running.child.pid).index(of: ServerFiles.device)
        let leases = (try? disk()).flatMap { FileIdentity(of: $0.paths.leases) }
        return namespace != nil && running.namespace == namespace && running.device == device
            && leases != nil && running.leases == leases
    }
}

extension NetworkServers {
    /// The networks whose servers differ from what their last pass left.
    ///
    /// - Parameter files: the networks whose files are read too; nil is all.
    /// - Returns: The networks that need a pass.
    func drift(readingFilesOf files: Set<VNI>?) async -> Set<VNI> {
        var drift: Set<VNI> = []
        for server in all where await server.hasDrifted(readingFiles: files?.contains(server.vni) ?? true) {
            drift.insert(server.vni)
        }
        return drift
    }

    /// Returns whether the server of a network differs from what its last pass left, its files apart.
    func hasDrifted(_ vni: VNI) async -> Bool {
        guard let server = all.first(where: { $0.vni == vni }) else { return false }
        return await server.hasDrifted(readingFiles: false)
    }
}

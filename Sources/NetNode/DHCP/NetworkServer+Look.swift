import ChildProcess
import ClusterEngine
import ClusterModel

/// The check of whether what a server stands on is as its last pass left it, made without asking what is wanted.
extension NetworkServer {
    /// Returns whether a pass would have something to do for the server that runs, or that could not be started, with
    /// what was wanted last.
    ///
    /// False while a pass is in the middle, and for one that has just died: then somebody else looks after it.
    ///
    /// - Parameter readingFiles: whether to compare its files too.
    /// - Returns: Whether it is worth a pass.
    func isBroken(readingFiles: Bool) -> Bool {
        guard let current else { return hasFailed }
        guard let hosts = current.hosts, let names = current.names, current.child.exitIfEnded == nil else {
            return false
        }
        guard isInPlace(current) else { return true }
        guard readingFiles else { return false }
        // What cannot be read is for a pass to complain of.
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
    /// The networks whose servers do not stand on what they did when they were last looked after.
    ///
    /// - Parameter files: the networks whose files are read too; nil is all.
    /// - Returns: Those that are worth a pass.
    func broken(readingFilesOf files: Set<VNI>?) async -> Set<VNI> {
        var broken: Set<VNI> = []
        for server in all where await server.isBroken(readingFiles: files?.contains(server.vni) ?? true) {
            broken.insert(server.vni)
        }
        return broken
    }

    /// Returns whether the server of a network no longer stands on what it did when it was last looked after.
    func isBroken(_ vni: VNI) async -> Bool {
        guard let server = all.first(where: { $0.vni == vni }) else { return false }
        return await server.isBroken(readingFiles: false)
    }
}

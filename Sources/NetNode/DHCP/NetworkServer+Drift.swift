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
    /// - Parameters:
    ///   - inside: what a survey has found of its namespace; nil where `/proc` is to be asked.
    ///   - readingFiles: whether to compare its files too.
    /// - Returns: Whether it needs a pass.
    func hasDrifted(inside: HostSurvey.Inside? = nil, readingFiles: Bool) -> Bool {
        guard let current else { return hasFailed }
        guard let hosts = current.hosts, let names = current.names, current.child.exitIfEnded == nil else {
            return false
        }
        guard isInPlace(current, inside) else { return true }
        guard readingFiles else { return false }
        // Files that cannot be read are reported by a pass.
        guard let found = try? disk().read() else { return true }
        let kept = [(found.configuration, current.configuration), (found.hosts, hosts), (found.names, names)]
        return !kept.allSatisfy { bytes, text in bytes?.elementsEqual(text.utf8) ?? false }
    }

    /// Returns whether a child lives in the namespace, on the device and with the lease file that a new one would.
    func isInPlace(_ running: Running, _ inside: HostSurvey.Inside? = nil) -> Bool {
        guard let namespace = running.namespace, let leases = running.leases else { return false }
        let isInNamespace =
            if let inside {
                inside.number == namespace.inode && inside.gatewayIndex == running.device
            } else {
                ProcessFacts.Namespace(of: namespacePath) == namespace
                    && ProcessFacts(pid: running.child.pid).index(of: ServerFiles.device) == running.device
            }
        return isInNamespace && (try? disk()).flatMap { FileIdentity(of: $0.paths.leases) } == leases
    }
}

extension NetworkServers {
    /// The networks whose servers differ from what their last pass left.
    ///
    /// - Parameters:
    ///   - survey: the snapshot of the kernel.
    ///   - files: the networks whose files are read too; nil is all.
    /// - Returns: The networks that need a pass.
    func drift(in survey: HostSurvey, readingFilesOf files: Set<VNI>?) async -> Set<VNI> {
        var drift: Set<VNI> = []
        for server in all {
            let readsFiles = files?.contains(server.vni) ?? true
            if await server.hasDrifted(inside: survey.insides[server.vni], readingFiles: readsFiles) {
                drift.insert(server.vni)
            }
        }
        return drift
    }

    /// Returns whether the server of a network differs from what its last pass left, its files apart.
    func hasDrifted(_ vni: VNI) async -> Bool {
        guard let server = all.first(where: { $0.vni == vni }) else { return false }
        return await server.hasDrifted(readingFiles: false)
    }
}

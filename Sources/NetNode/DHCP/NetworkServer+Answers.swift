import ChildProcess
import ClusterDaemon
import ClusterModel
import Logging

/// The probe of a running server.
extension NetworkServer {
    /// The longest time that a server that runs may take to answer.
    ///
    /// It answers within a millisecond, and a reload of 10,000 guests takes 0.2 s; a guest asks again after some
    /// seconds.
    package static let answerLimit: Duration = .seconds(3)
    /// The longest time for each of what may bring it back without a new process: guests wait meanwhile.
    private static let recoveryLimit: Duration = .seconds(2)

    /// Asks the running server.
    ///
    /// - Returns: The questions that it has not answered within a limit.
    /// - Throws: ``ServerError`` when it cannot be asked, or ends meanwhile; ``ServersClosed``, `CancellationError`.
    func unanswered(
        _ wanted: ServerWanted,
        by child: SupervisedChild,
        within limit: Duration,
        in epoch: ServerPermit.Epoch
    ) async throws -> [ServerProbe.Question] {
        let probe = ServerProbe(
            namespacePath: namespacePath,
            mac: probe,
            server: wanted.cidr.serverAddress,
            questions: (wanted.servesDHCP ? [.address] : []) + (wanted.servesDNS ? [.name] : [])
        )
        do {
            return try await probe.unanswered(within: limit) {
                try permit.check(epoch)
                if let exit = child.exitIfEnded { throw error(.ended(exit), child) }
            }
        } catch let failure as NamespaceSocket.Failure {
            throw error(.notAsked(attempt: failure.attempt, error: failure.number))
        }
    }

    /// Makes sure that a server without any visible drift answers too.
    ///
    /// One that answers for names alone has forgotten its guests, or was told that their addresses are in use: it reads
    /// its files again first, and keeps its leases and its connections. One that does not answer then either is ended,
    /// and started again like every one that dies.
    ///
    /// - Returns: `reloaded` where it answered only after that.
    /// - Throws: ``ServerError`` when it has not answered, and as ``unanswered(_:by:within:in:)``.
    func ensureAnswers(
        _ files: ServerFiles,
        _ wanted: ServerWanted,
        _ disk: ServerDisk,
        in epoch: ServerPermit.Epoch
    ) async throws -> ServerPass {
        guard let child = current?.child else { return .nothing }
        var silent = try await unanswered(wanted, by: child, within: Self.answerLimit, in: epoch)
        if silent.isEmpty { return .nothing }
        if silent == [.address], try await reload(files, wanted, disk, in: epoch, within: Self.recoveryLimit) {
            silent = try await unanswered(wanted, by: child, within: Self.recoveryLimit, in: epoch)
            if silent.isEmpty {
                logger.warning(
                    "network server answered DHCP only after it had read its files again",
                    metadata: ["vni": "\(vni)", "pid": "\(child.pid)"]
                )
                return note(.reloaded, wanted)
            }
        }
        await child.terminate(grace: .zero)
        throw error(.notAnswering(silent.map(\.rawValue), within: Self.answerLimit), child)
    }
}

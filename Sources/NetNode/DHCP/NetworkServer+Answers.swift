import ChildProcess
import ClusterDaemon
import ClusterModel

/// The probe of a running server.
extension NetworkServer {
    /// The longest time that a server that runs may take to answer.
    ///
    /// It answers within a millisecond, and a reload of 10,000 guests takes 0.2 s; a guest asks again after some seconds.
    package static let answerLimit: Duration = .seconds(3)

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
            vni: vni,
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
    /// One that does not is ended, and started again like every one that dies.
    ///
    /// - Throws: ``ServerError`` when it has not answered, and as ``unanswered(_:by:within:in:)``.
    func expectAnswers(_ wanted: ServerWanted, in epoch: ServerPermit.Epoch) async throws {
        guard let child = current?.child else { return }
        let unanswered = try await unanswered(wanted, by: child, within: Self.answerLimit, in: epoch)
        guard !unanswered.isEmpty else { return }
        await child.terminate(grace: .zero)
        throw error(.notAnswering(unanswered.map(\.rawValue), within: Self.answerLimit), child)
    }
}

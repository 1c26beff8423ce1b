import ClusterEngine
import ClusterModel
import FoundationEssentials
import MariaDB

/// The parts that the tasks of the networks share: their target, and the outcomes of their errors.
enum NetworkTask {
    /// Runs the work of a task on a network.
    ///
    /// - Parameters:
    ///   - attempt: the attempt.
    ///   - node: the node that a task on one node has to be for; nil for a task of the whole network.
    ///   - work: the work, which gets the network's id.
    /// - Returns: The outcome that `work` returned, or that of its error.
    static func outcome(
        of attempt: Attempt,
        on node: NodeName?,
        _ work: (NetworkID) async throws -> TaskOutcome
    ) async -> TaskOutcome {
        guard let network = attempt.operation.networkID, node == nil || attempt.operation.node == node else {
            let message = "'\(attempt.task)' needs a network" + (node == nil ? "" : ", and this node as its node")
            return .failed(OperationFailure(code: "wrong_target", message: message))
        }
        do {
            return try await work(network)
        } catch let error as HostCommandError {
            return .failed(
                OperationFailure(code: "host_command_failed", message: "\(error)", stderrTail: error.complaint)
            )
        } catch let error as ServerError {
            return .failed(OperationFailure(code: "server_failed", message: "\(error)", stderrTail: error.complaint))
        } catch let error as NamespaceError {
            return .failed(OperationFailure(code: "namespace_not_converged", message: "\(error)"))
        } catch let error as EgressError {
            return .failed(OperationFailure(code: "egress_not_converged", message: "\(error)"))
        } catch let error as MissingBridge {
            return .failed(OperationFailure(code: "no_external_bridge", message: "\(error)"))
        } catch let error as DatabaseError {
            // Not the fault of the task: it spends no attempt.
            if error.isUnreachable { return .tryLater }
            return .failed(OperationFailure(code: "database", message: "\(error)"))
        } catch let error as NetlinkError {
            // Nor is a kernel that is being changed all the time.
            if error.isInterruption { return .tryLater }
            return .failed(OperationFailure(code: "network", message: "\(error)"))
        } catch is CancellationError {
            return .interrupted
        } catch is TenureOver {
            // The node that is elected next begins anew.
            return .interrupted
        } catch is ServersClosed {
            return .interrupted
        } catch {
            return .failed(OperationFailure(code: "network", message: "\(error)"))
        }
    }

    /// Returns the outcome of a task that has done its work, with its result.
    static func done(_ result: [String: JSONValue]) -> TaskOutcome {
        .done(result: JSONValue.object(result).text)
    }

    /// Returns the outcome of a task on a network whose row cannot be decoded.
    static func unreadable(_ reason: String) -> TaskOutcome {
        .failed(OperationFailure(code: "unreadable_network", message: "the network's row cannot be read: \(reason)"))
    }

    /// Reads the parameter `vni`, which names the devices and files of a network that may be gone.
    ///
    /// - Throws: The failure that names the parameter.
    static func vni(in operation: ClusterModel.Operation) throws(BadParameters) -> VNI? {
        struct Parameters: Decodable {
            let vni: VNI?
        }
        return try parameters(of: operation, as: Parameters.self, example: "{\"vni\": 100}").vni
    }

    /// Decodes an operation's parameters.
    static func parameters<Parameters: Decodable>(
        of operation: ClusterModel.Operation,
        as type: Parameters.Type,
        example: String
    ) throws(BadParameters) -> Parameters {
        do {
            return try JSONDecoder().decode(type, from: Data((operation.parameters ?? "{}").utf8))
        } catch {
            throw BadParameters(message: "the parameters must be like \(example): \(error)")
        }
    }
}

/// Parameters that a task cannot decode.
struct BadParameters: Error {
    let message: String

    var outcome: TaskOutcome { .failed(OperationFailure(code: "bad_parameters", message: message)) }
}

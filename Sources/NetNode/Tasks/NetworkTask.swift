import ClusterEngine
import ClusterModel
import FoundationEssentials
import MariaDB

/// The parts that the tasks of the networks have in common: whom they are for, and what their errors mean.
enum NetworkTask {
    /// Runs the work of a task on a network.
    ///
    /// - Parameters:
    ///   - attempt: what is run.
    ///   - node: the node that a task on one node has to be for; nil for a task of the whole network.
    ///   - work: does it, on the network's id.
    /// - Returns: What `work` returned, or what its error means.
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
            // Not the task's fault: no attempt is spent on it.
            if error.isUnreachable { return .tryLater }
            return .failed(OperationFailure(code: "database", message: "\(error)"))
        } catch let error as NetlinkError {
            // Nor is it, where others change devices all the time.
            if error.isInterruption { return .tryLater }
            return .failed(OperationFailure(code: "network", message: "\(error)"))
        } catch is CancellationError {
            return .interrupted
        } catch is TenureOver {
            // Whoever is elected next begins anew.
            return .interrupted
        } catch is ServersClosed {
            return .interrupted
        } catch {
            return .failed(OperationFailure(code: "network", message: "\(error)"))
        }
    }

    /// A task that has done its work, with what it has to say of it.
    static func done(_ result: [String: JSONValue]) -> TaskOutcome {
        .done(result: JSONValue.object(result).text)
    }

    /// A task on a network whose row cannot be read.
    static func unreadable(_ reason: String) -> TaskOutcome {
        .failed(OperationFailure(code: "unreadable_network", message: "the network's row cannot be read: \(reason)"))
    }

    /// Reads the parameter `vni`, which says whose names and files are meant when the network itself may be gone.
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

/// Parameters that a task cannot make sense of.
struct BadParameters: Error {
    let message: String

    var outcome: TaskOutcome { .failed(OperationFailure(code: "bad_parameters", message: message)) }
}

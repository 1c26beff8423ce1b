import ClusterEngine
import ClusterModel
import Foundation

/// A task of the program that embeds the library: a name that the cluster knows, and parameters of a type of its own.
///
/// Declare it once, and make both the requests and the handler from it, so that what is sent is what is understood.
/// The parameters travel as JSON of at most 64 KiB and 31 levels; the worker may be an older or a newer build of the
/// program, so change `Parameters` as you would a file format.
public struct TypedTask<Parameters: Codable & Sendable>: Sendable {
    /// The definition of the task, as the cluster is told of it.
    public let definition: TaskDefinition

    /// Declares a task.
    ///
    /// - Parameters:
    ///   - name: Unique in the cluster; two definitions of one name that differ are a conflict, refused at enqueue.
    ///   - parameters: What a request carries.
    ///   - maximumAttempts: Attempts that may fail before the operation ends in `error`; at least 1.
    ///   - timeout: How long one attempt may take; then its Swift task is cancelled, and the attempt has failed.
    /// - Throws: `ValueError` when the name is none.
    public init(
        _ name: String,
        parameters: Parameters.Type,
        maximumAttempts: Int = 8,
        timeout: Duration = .seconds(60)
    ) throws(ValueError) {
        definition = TaskDefinition(
            name: try TaskName(name),
            kind: .command,
            // What has parameters is never the same work as something else.
            isCoalescible: false,
            maximumAttempts: maximumAttempts,
            timeout: timeout
        )
    }

    /// Makes a request for one operation of this task, whose other properties may be set before it is enqueued.
    ///
    /// Give it an `id` of your own if you want to send it again after an unknown outcome: the same id with the same
    /// content is one operation.
    /// - Throws: `EncodingError` when the parameters cannot be written as JSON.
    public func request(_ parameters: Parameters) throws -> OperationRequest {
        if let document = parameters as? JSONValue {
            return OperationRequest(tasks: [definition.name], parameters: document.text)
        }
        let encoder = JSONEncoder()
        // The same parameters are the same text, and so the same content under the same id.
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(parameters), as: UTF8.self)
        return OperationRequest(tasks: [definition.name], parameters: text)
    }

    /// Makes a handler of a closure.
    ///
    /// The closure may run more than once for one operation, also after it has succeeded, when the worker dies before
    /// that is written down: it must be idempotent. When its Swift task is cancelled its right to act has ended, and
    /// it returns soon; another run begins anew. An `OperationFailure` that it throws is recorded as it is, any other
    /// error with code `thrown`; both count as a failed attempt. Parameters that cannot be read fail the attempt with
    /// code `unreadable_parameters`.
    /// - Parameter body: Does the work of one attempt, and returns how it ended.
    /// - Returns: What a worker is given.
    public func handler(
        _ body: @escaping @Sendable (Parameters, Attempt) async throws -> TaskOutcome
    ) -> some TaskHandler {
        TypedHandler(definition: definition, body: body)
    }
}

/// A handler that reads the parameters and calls a closure.
private struct TypedHandler<Parameters: Codable & Sendable>: TaskHandler {
    let definition: TaskDefinition
    let body: @Sendable (Parameters, Attempt) async throws -> TaskOutcome

    func run(_ attempt: Attempt) async -> TaskOutcome {
        let parameters: Parameters
        do {
            parameters = try Self.parameters(attempt.operation.parameters ?? "null")
        } catch let error as JSONError {
            let message = "the parameters of '\(attempt.task)': \(error.reason)"
            return .failed(OperationFailure(code: "unreadable_parameters", message: message))
        } catch {
            // Names the key at fault, never a value.
            let message = "the parameters are not those of '\(attempt.task)': \(Self.place(of: error))"
            return .failed(OperationFailure(code: "unreadable_parameters", message: message))
        }
        do {
            return try await body(parameters, attempt)
        } catch let failure as OperationFailure {
            return .failed(failure)
        } catch {
            if Task.isCancelled { return .interrupted }
            return .failed(OperationFailure(code: "thrown", message: "\(error)"))
        }
    }

    /// Decodes the parameters, and keeps what is beyond the limits from a decoder that knows none.
    private static func parameters(_ text: String) throws -> Parameters {
        let document = try JSONValue(parsing: text, limits: .parameters)
        if let parameters = document as? Parameters { return parameters }
        return try JSONDecoder().decode(Parameters.self, from: Data(text.utf8))
    }

    private static func place(of error: any Error) -> String {
        let context: DecodingError.Context? =
            switch error as? DecodingError {
            case .typeMismatch(_, let context), .valueNotFound(_, let context): context
            case .keyNotFound(let key, let context):
                DecodingError.Context(codingPath: context.codingPath + [key], debugDescription: "")
            case .dataCorrupted(let context): context
            default: nil
            }
        let path = context?.codingPath.map(\.stringValue).joined(separator: ".") ?? ""
        return path.isEmpty ? "expected another kind of document" : "'\(path)' is missing or of another type"
    }
}

import ClusterEngine
import ClusterModel
import ClusterReports

extension TopRequest {
    /// Asks the database, once, and says what came of it.
    func answer(from cluster: ClusterConnection) async -> TopAnswer {
        do {
            switch self {
            case .show(.operation(let id)):
                let view = try await cluster.operation(id)
                return .detail(.operation(id), view.table, view.state)
            case .show(.node(let name)):
                return .detail(.node(name), try await Inventory(cluster).node(name).view.table, nil)
            case .act(.cancel, let id): return .done(Self.text(of: try await cluster.queue.cancel(id)))
            case .act(.retry, let id):
                let retry = try await cluster.queue.retry(id)
                // It was retried all the same if it could not be counted.
                try? await cluster.flushCounters()
                return .done("retried as \(retry.uuid) in \(retry.queueName)")
            }
        } catch {
            let refusal = await cluster.naming(error)
            return .refused(Failure(refusal, of: Top.self).messages.joined(separator: "; "))
        }
    }

    private static func text(of cancellation: Cancellation) -> String {
        let more = [
            cancellation.requests > 1 ? "for all \(cancellation.requests) requests" : nil,
            cancellation.aborted.isEmpty ? nil : "with \(cancellation.aborted.count) that depended on it",
        ].compactMap(\.self).map { ", \($0)" }.joined()
        return cancellation.state == .executing
            ? "its worker is told to end \(cancellation.id)\(more)" : "cancelled \(cancellation.id)\(more)"
    }
}

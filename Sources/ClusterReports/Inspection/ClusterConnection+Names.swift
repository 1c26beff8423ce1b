import ClusterEngine
import ClusterModel
import ClusterStore

extension ClusterConnection {
    /// The names of all networks, in order.
    package func networkNames() async throws -> [NetworkName] {
        try await read { try NetworkStatements.networks(on: $0).map(\.name) }
    }

    /// The names of all nodes, in order.
    package func nodeNames() async throws -> [NodeName] {
        try await read { try NodeStatements.nodes(on: $0).map(\.name) }
    }
}

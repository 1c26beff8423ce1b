import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

/// Completes names from the database, for shells that ask.
enum Names {
    static var networks: CompletionKind { complete { try await $0.networkNames().map(\.description) } }
    static var nodes: CompletionKind { complete { try await $0.nodeNames().map(\.description) } }

    /// A shell that asks while there is no database, or no right to ask it, gets no names and no message in the line
    /// that is being typed.
    private static func complete(
        _ names: @escaping @Sendable (ClusterConnection) async throws -> [String]
    ) -> CompletionKind {
        .custom { (_: [String], _: Int, prefix: String) async -> [String] in
            guard let global = try? GlobalOptions.parse([]) else { return [] }
            let all = try? await global.withCluster { try await names($0) }
            return (all ?? []).filter { $0.hasPrefix(prefix) }
        }
    }
}

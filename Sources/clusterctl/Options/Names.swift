import ArgumentParser
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterReports

/// Completes values for shells that ask: from the database where they are kept there.
enum Names {
    /// The time for which a shell is kept waiting; a database on the other side of the world answers in it.
    private static let longest: Duration = .seconds(2)

    static var networks: CompletionKind { complete { try await $0.networkNames() } }
    static var nodes: CompletionKind { complete { try await $0.nodeNames() } }
    static var interfaces: CompletionKind { complete { try await $0.interfaceIDs() } }
    static var tasks: CompletionKind { complete { try await $0.taskNames() } }
    static var queues: CompletionKind { complete { try await $0.queueNames() } }
    static var pausedPatterns: CompletionKind { complete { try await $0.pausedPatterns() } }
    static var labels: CompletionKind { complete { try await $0.labelNames().map { "\($0)=" } } }
    static var requesters: CompletionKind { complete { try await $0.requesters() } }
    static var errorCodes: CompletionKind { complete { try await $0.errorCodes() } }

    /// The subjects of events, as far as they have names that people know.
    static var subjects: CompletionKind {
        complete { try await $0.nodeNames() + $0.networkNames() + $0.queueNames() }
    }

    static var lanes: CompletionKind { .list(Lane.allCases.map(\.rawValue)) }
    static var states: CompletionKind { .list(OperationState.allCases.map(\.rawValue)) }
    /// Without those of several words, which a shell would complete one by one.
    static var eventKinds: CompletionKind { .list(EventChoice.words.filter { !$0.contains(" ") }) }

    static var operations: CompletionKind { operations(in: Set(OperationState.allCases)) }
    static var liveOperations: CompletionKind { operations(in: OperationSelector().liveStates) }
    static var failedOperations: CompletionKind {
        operations(in: OperationSelector().endedStates.subtracting([.complete]))
    }

    private static func operations(in states: Set<OperationState>) -> CompletionKind {
        complete { try await $0.operationNames(in: states, beginning: $1) }
    }

    private static func complete(
        _ names: @escaping @Sendable (ClusterConnection) async throws -> [String]
    ) -> CompletionKind {
        complete { cluster, _ in try await names(cluster) }
    }

    /// A shell that asks while there is no database, or no right to ask it, gets no names and no message in the line
    /// that is being typed.
    private static func complete(
        _ names: @escaping @Sendable (ClusterConnection, _ prefix: String) async throws -> [String]
    ) -> CompletionKind {
        .custom { (words: [String], _: Int, prefix: String) async -> [String] in
            let file = configurationFile(in: words)
            guard let global = try? GlobalOptions.parse(file.map { ["--config", $0] } ?? []) else { return [] }
            return await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    // A database that hangs is none for a shell; a question to it cannot be cancelled.
                    guard (try? await Task.sleep(for: longest)) != nil else { return }
                    ProcessEnd.end(0)
                }
                defer { group.cancelAll() }
                let all = try? await global.withSilentCluster { try await names($0, prefix) }
                return (all ?? []).filter { $0.hasPrefix(prefix) }
            }
        }
    }

    /// The file that the line which is being typed gives by --config; bash makes a word of an equals sign.
    private static func configurationFile(in words: [String]) -> String? {
        let option = "--config"
        guard let place = words.firstIndex(where: { $0 == option || $0.hasPrefix("\(option)=") }) else { return nil }
        guard words[place] == option else { return String(words[place].dropFirst("\(option)=".count)) }
        return words[place...].dropFirst().first { $0 != "=" }
    }
}

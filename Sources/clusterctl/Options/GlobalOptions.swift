import ArgumentParser
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterReports
import Foundation
import Logging

/// The options that every command takes.
struct GlobalOptions: ParsableArguments {
    @Option(help: "The configuration file; default $CLUSTEROPS_CONFIG, then \(Configuration.defaultPath).")
    var config: String?

    @Option(name: .shortAndLong, help: "The output format.")
    var output = OutputFormat.table

    /// Prints an answer on stdout.
    func print(_ answer: some Answer) throws {
        try Renderer(output).print(answer)
    }

    /// Prints an answer in the place of the one before.
    func printInPlace(_ answer: some Answer) throws {
        try Renderer(output).printInPlace(answer)
    }

    /// Prints one of many answers on a line of its own.
    func printLine(_ answer: some Encodable, text: String) throws {
        try Renderer(output).printLine(answer, text: text)
    }

    /// Prints a piece of text that is on its way, or an answer on a line of its own.
    func printPiece(_ answer: some Encodable, text: String) throws {
        try Renderer(output).printPiece(answer, text: text)
    }

    /// Lends a connection to the cluster, whose schema must be this program's, and counts what was asked for.
    ///
    /// - Parameters:
    ///   - requester: Who asks, for the history.
    ///   - connections: Connections that may be open at once.
    ///   - body: Receives it.
    /// - Returns: What `body` returned.
    /// - Throws: What it threw, and `ClusterOpsError` when there is no such cluster.
    func withCluster<Result>(
        requester: String = Requester.current,
        connections: Int = ClusterConnection.standardConnections,
        _ body: (ClusterConnection) async throws -> Result
    ) async throws -> Result {
        try await withConnection(try connectionConfiguration(), requester, connections) { cluster in
            try await cluster.requireMigrated()
            do {
                let result = try await body(cluster)
                await flushCounters(of: cluster)
                return result
            } catch let error as ClusterOpsError where error.code == .notPermitted {
                // Of use to a person only; where it cannot be read, the refusal stands for itself.
                guard let role = try? await cluster.role() else { throw error }
                throw ClusterOpsError(.notPermitted, "you are connected as \(role): \(error.message)")
            }
        }
    }

    /// Lends a connection to a database of whatever version.
    func withAnyDatabase<Result>(_ body: (ClusterConnection) async throws -> Result) async throws -> Result {
        try await withConnection(try connectionConfiguration().forMigrations) { try await body($0) }
    }

    /// Writes the coalescing counters of a command's requests.
    ///
    /// The requests are served by now: a failure to count them is printed, and is none of the command.
    private func flushCounters(of cluster: ClusterConnection) async {
        do {
            try await cluster.flushCounters()
        } catch {
            Talk.say("the request was served; it could not be counted: \(error)")
        }
    }

    private func connectionConfiguration() throws -> DatabaseConnection {
        let environment = ProcessInfo.processInfo.environment
        let configuration = try Configuration.load(path: config, environment: environment)
        if let overridden = configuration.overriddenText { Talk.say("\(config ?? ""): \(overridden)") }
        return try configuration.databaseConnection()
    }

    private func withConnection<Result>(
        _ configuration: DatabaseConnection,
        _ requester: String = Requester.current,
        _ connections: Int = ClusterConnection.standardConnections,
        _ body: (ClusterConnection) async throws -> Result
    ) async throws -> Result {
        let cluster = ClusterConnection(
            configuration,
            requester: requester,
            logger: Logger(label: "clusterctl", factory: { _ in SwiftLogNoOpLogHandler() }),
            connections: connections
        )
        do {
            let result = try await body(cluster)
            await cluster.close()
            return result
        } catch {
            await cluster.close()
            throw error
        }
    }
}

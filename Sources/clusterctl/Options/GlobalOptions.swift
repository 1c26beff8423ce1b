import ArgumentParser
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterReports
import Foundation
import Logging

/// The options that every command takes.
struct GlobalOptions: ParsableArguments {
    @Option(
        help: "The configuration file; default $CLUSTEROPS_CONFIG, then \(Configuration.defaultPath).",
        completion: .file()
    )
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
            try await serve(body, on: cluster)
        }
    }

    /// Lends a connection that outlasts outages of the database, for a command that waits or follows.
    ///
    /// - Parameters:
    ///   - deadline: The end of the wait; nil is until interrupted.
    ///   - subject: What is waited for, in the words of a message.
    ///   - body: Receives it.
    /// - Returns: What `body` returned.
    /// - Throws: As `withCluster`, but for outages.
    func withPatientCluster<Result>(
        until deadline: ContinuousClock.Instant? = nil,
        for subject: String = "",
        _ body: (ClusterConnection) async throws -> Result
    ) async throws -> Result {
        try await withConnection(try connectionConfiguration()) { cluster in
            try await Outlasting.outages(of: cluster, until: deadline, for: subject) { cluster in
                try await serve(body, on: cluster)
            }
        }
    }

    private func serve<Result>(
        _ body: (ClusterConnection) async throws -> Result,
        on cluster: ClusterConnection
    ) async throws -> Result {
        try await cluster.requireMigrated()
        do {
            let result = try await body(cluster)
            await flushCounters(of: cluster)
            return result
        } catch {
            throw await cluster.naming(error)
        }
    }

    /// Lends a connection to whoever completes a word of a command line: without a message, also where the environment
    /// overrides a file.
    func withSilentCluster<Result>(_ body: (ClusterConnection) async throws -> Result) async throws -> Result {
        try await withConnection(try configuration().databaseConnection(), body: body)
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
        let configuration = try configuration()
        if let overridden = configuration.overriddenText { Talk.say("\(config ?? ""): \(overridden)") }
        return try configuration.databaseConnection()
    }

    private func configuration() throws -> Configuration {
        try Configuration.load(path: config, environment: ProcessInfo.processInfo.environment)
    }

    private func withConnection<Result>(
        _ configuration: DatabaseConnection,
        _ requester: String = Requester.current,
        _ connections: Int = ClusterConnection.standardConnections,
        body: (ClusterConnection) async throws -> Result
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

extension ClusterConnection {
    /// Says in a refusal by the database as which role the person is connected; other errors are left as they are.
    func naming(_ error: any Error) async -> any Error {
        guard let refusal = error as? ClusterOpsError, refusal.code == .notPermitted else { return error }
        // Of use to a person only; where it cannot be read, the refusal stands for itself.
        guard let role = try? await self.role() else { return error }
        return ClusterOpsError(.notPermitted, "you are connected as \(role): \(refusal.message)")
    }
}

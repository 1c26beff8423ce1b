import ArgumentParser
import ClusterDaemon
import ClusterModel
import Glibc

/// The command line of ClusterOps.
@main
struct ClusterCtl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clusterctl",
        abstract: "Enqueue and inspect the operations of a cluster, and change its wanted state.",
        discussion: """
            Data goes to stdout, messages to stderr. Exit codes: 0 ok, \
            \(ExitStatus.allCases.map { "\($0.rawValue) \($0.meaning)" }.joined(separator: ", ")).
            """,
        version: ProgramVersion.current,
        subcommands: [
            Op.self, TaskNoun.self, QueueNoun.self, Coalescing.self, NodeNoun.self, NetworkNoun.self,
            InterfaceNoun.self, External.self,
            Leader.self, Service.self, Status.self, Top.self, Events.self, Doctor.self, BenchNoun.self, Db.self,
        ]
    )

    static func main() async {
        // Whatever was not committed is rolled back when the connection goes, so there is nothing to clean up.
        signal(SIGINT) { _ in _exit(ExitStatus.interrupted.rawValue) }
        let arguments = LeadingOptions.moved(in: Array(CommandLine.arguments.dropFirst()), of: Self.self)
        do {
            var command = try await asyncParseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            Failure(error, of: Self.self, arguments: arguments).exit()
        }
        // A return from here would run the exit handlers.
        ProcessEnd.end(0)
    }
}

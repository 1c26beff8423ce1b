import ChildProcess
import ClusterDaemon
import ClusterEngine
import Glibc

/// The parts of the node that a server uses: its process, its files, and the processes that an earlier server left.
extension NetworkServer {
    /// The pause between two polls of its ports, and of its log.
    static let pace: Duration = .milliseconds(2)
    /// The most times that a dnsmasq is started that cannot have its ports.
    static let attempts = 5
    static let attemptPace: Duration = .milliseconds(20)
    /// dnsmasq's exit code for a port or device that it cannot have (its manual, "EXIT CODES").
    static let networkTrouble = ChildExit.code(2)

    /// The length of the end of stderr that is kept: far more than it writes between two polls, or while it starts.
    private static let longestComplaint = 65_536

    private static let executable = "dnsmasq"
    private static let configurationOption = "--conf-file="

    /// The configuration that a command line of ours names; nil when it is none of ours.
    static func configuration(in arguments: [String]) -> String? {
        guard arguments.count > 1, arguments[0] == executable, arguments[1].hasPrefix(configurationOption) else {
            return nil
        }
        return String(arguments[1].dropFirst(configurationOption.count))
    }

    func specification(_ paths: ServerPaths) -> ChildSpecification {
        ChildSpecification(
            executable: Self.executable,
            arguments: [Self.configurationOption + paths.configuration],
            environment: ["PATH": ChildSpecification.standardPath, "LANG": "C.UTF-8"],
            workingDirectory: "/",
            networkNamespace: namespacePath,
            // It forks for each TCP connection of a guest, and no parent-death signal reaches those processes.
            hasProcessNamespace: true,
            credentials: credentials,
            standardError: .collect(limit: Self.longestComplaint, keeping: .tail)
        )
    }

    func disk() throws(ServerPathError) -> ServerDisk {
        ServerDisk(paths: try ServerPaths(directory: directory), credentials: credentials)
    }

    func leftovers(_ disk: ServerDisk) -> Leftovers {
        Leftovers { [namespacePath] in $0 == disk.paths.configuration ? namespacePath : nil }
    }

    // MARK: Errors

    func onDisk<Result>(_ work: () throws(ServerDisk.Failure) -> Result) throws(ServerError) -> Result {
        do {
            return try work()
        } catch {
            throw self.error(.file(path: error.path, attempt: error.attempt, error: error.error))
        }
    }

    func error(_ reason: ServerError.Reason, _ child: SupervisedChild? = nil) -> ServerError {
        // Without what clients have asked for: they choose the time of it, and some of the words.
        let lines = (child?.standardError.text ?? "").split(separator: "\n").filter { !DHCPEvent.isMessage($0) }
        let complaint = lines.joined(separator: "\n")
        return ServerError(reason, vni: vni, namespacePath: namespacePath, complaint: complaint)
    }
}

import ChildProcess
import ClusterModel
import ClusterOpsTestKit
import Foundation

/// A DHCP client that runs in a guest and remembers its lease, as those of real guests do.
struct DHCPClient: Sendable {
    private let child: SupervisedChild

    /// Starts the client of a guest, which remembers what an earlier one of that guest has left.
    ///
    /// - Parameters:
    ///   - program: the client.
    ///   - guest: where it runs.
    ///   - address: that it asks for, where it can ask for one.
    ///   - asksForBroadcast: whether the server's answers are to be sent to all.
    /// - Throws: When it cannot be started.
    init(
        _ program: DHCPProgram,
        in guest: NamespaceHosts.Guest,
        for address: IPv4Address,
        asksForBroadcast: Bool = false
    ) async throws {
        let directory = Self.directory(of: guest)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        child = try await SupervisedChild.start(
            ChildSpecification(
                executable: "unshare",
                arguments: [
                    "--mount", "sh", "-c", program.script, program.rawValue, directory, "\(address)",
                    "\(asksForBroadcast)",
                ],
                environment: ["PATH": ChildSpecification.standardPath, "LANG": "C.UTF-8"],
                networkNamespace: "/run/netns/\(guest.namespace)",
                // It becomes another user, and has helpers.
                hasProcessNamespace: true,
                standardOutput: .collect(limit: 65_536, keeping: .tail),
                standardError: .collect(limit: 65_536, keeping: .tail)
            )
        )
    }

    /// The directory of what the clients of a guest remember.
    static func directory(of guest: NamespaceHosts.Guest) -> String { "/tmp/\(guest.namespace)-client" }

    /// Its own log.
    var talk: String { child.standardError.text + child.standardOutput.text }

    /// Has it renew its lease now, by unicast to the server that it knows.
    func renew() { child.signal(SIGUSR1) }

    /// Has it give its lease back, and end.
    func release() { child.signal(SIGUSR2) }

    /// Ends it as a power cut does.
    func end() async { await child.terminate(grace: .zero) }
}

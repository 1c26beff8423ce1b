import ChildProcess
import ClusterStore
import Foundation

extension NamespaceHosts {
    /// A script that prints a lease, in the words that `udhcpc` has for it, and changes nothing.
    private static let report = "#!/bin/sh\n[ \"$1\" = bound ] && env\nexit 0\n"

    /// Has a guest ask for an address by a real DHCP client.
    ///
    /// - Parameters:
    ///   - guest: who asks; what it is given is not set on its device.
    ///   - tries: how often it asks, once a second.
    /// - Returns: What it was given, by the names that `udhcpc` has for it; nil when nobody answered.
    /// - Throws: When the client cannot be run.
    package func lease(of guest: Guest, tries: Int = 5) async throws -> [String: String]? {
        let script = "/tmp/\(guest.namespace).report"
        try Data(Self.report.utf8).write(to: URL(fileURLWithPath: script))
        defer { try? FileManager.default.removeItem(atPath: script) }
        chmod(script, 0o755)
        let output = try await HostTool.output(
            "busybox",
            [
                "udhcpc", "-n", "-q", "-f", "-t", "\(tries)", "-T", "1", "-i", "eth0", "-s", script, "-O", "mtu",
                "-O", "hostname",
            ],
            namespace: guest.namespace
        )
        guard output.exit.isSuccess else { return nil }
        let pairs = output.text.split(separator: "\n").compactMap { line -> (String, String)? in
            let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
            return parts.count == 2 ? (parts[0], parts[1]) : nil
        }
        return Dictionary(pairs) { first, _ in first }
    }
}

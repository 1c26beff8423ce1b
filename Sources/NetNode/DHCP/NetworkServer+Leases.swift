import ChildProcess
import ClusterDaemon
import ClusterModel
import Glibc
import Logging

/// The leases of guests that are gone, and their release.
extension NetworkServer {
    /// The most reads of the lease file until dnsmasq sleeps, or has handled a release.
    private static let leasePolls = 100
    /// The most attempts to release the leases: the datagrams can be lost, and dnsmasq answers none.
    private static let releaseAttempts = 3
    /// The number of polls of the lease file between two attempts.
    private static let releasePolls = 25

    /// Returns the leases of guests that are not wanted, or are wanted elsewhere.
    func strays(_ wanted: ServerWanted, _ disk: ServerDisk) async throws -> ServerPlan.Strays {
        guard wanted.servesDHCP, let child = current?.child, child.exitIfEnded == nil else { return .none }
        guard let text = try await leases(of: child, disk), let file = try? LeaseFile(text) else { return .unknown }
        let strays = file.strays(among: wanted.hosts)
        return strays.isEmpty ? .none : .some(strays)
    }

    /// Ends the leases of guests that are not wanted: sends the RELEASE that each of them would send.
    ///
    /// Only the lease file shows the result: the server does not answer, and ignores what it does not know.
    ///
    /// - Returns: The leases that are left.
    func releaseStrays(
        _ wanted: ServerWanted,
        _ disk: ServerDisk,
        in epoch: ServerPermit.Epoch
    ) async throws -> ServerPlan.Strays {
        var strays = try await strays(wanted, disk)
        for _ in 0..<Self.releaseAttempts {
            guard case .some(let leases) = strays, leases.count <= ServerPlan.Strays.mostReleased else { return strays }
            do {
                try release(leases, to: wanted.cidr.serverAddress)
            } catch {
                logger.warning(
                    "leases cannot be released",
                    metadata: ["vni": "\(vni)", "attempt": "\(error.attempt)", "errno": "\(error.number)"]
                )
                return strays
            }
            for _ in 0..<Self.releasePolls where strays != .none {
                try await Task.sleep(for: Self.pace)
                try permit.check(epoch)
                strays = try await self.strays(wanted, disk)
            }
        }
        return strays
    }

    private func release(
        _ leases: [LeaseFile.Lease],
        to server: IPv4Address
    ) throws(NamespaceSocket.Failure) {
        let socket = try NamespaceSocket(in: namespacePath)
        for lease in leases {
            let message = DHCPMessage.release(lease, to: server, transaction: .random(in: .min ... .max))
            try socket.send(message.bytes, to: .init(address: server, port: DHCPMessage.serverPort))
        }
    }

    /// Reads the lease file while dnsmasq does not write it, which begins by emptying it.
    ///
    /// - Returns: The text at a moment at which dnsmasq slept; nil when it never did.
    func leases(of child: SupervisedChild, _ disk: ServerDisk) async throws -> String? {
        let facts = ProcessFacts(pid: child.pid)
        for _ in 0..<Self.leasePolls where child.exitIfEnded == nil {
            let before = facts.sleep
            let text = try onDisk(disk.leases)
            if before != nil, facts.sleep == before { return text }
            try await Task.sleep(for: Self.pace)
        }
        return nil
    }
}

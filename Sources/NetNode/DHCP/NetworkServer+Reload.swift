import ChildProcess
import ClusterEngine
import Glibc
import Logging

/// The reading of hosts and names by a server that runs.
extension NetworkServer {
    /// Has the running child read hosts and names that are new.
    ///
    /// - Returns: False when it did not, or when a guest that was taken away still has a lease: then only a restart
    ///   helps.
    func reload(
        _ files: ServerFiles,
        _ wanted: ServerWanted,
        _ disk: ServerDisk,
        in epoch: ServerPermit.Epoch,
        within limit: Duration = NetworkServer.reloadLimit
    ) async throws -> Bool {
        let old = current?.hosts
        guard try await reread(files, wanted, disk, in: epoch, within: limit) else { return false }
        // Only now: until it had read its files, who was taken away could still get a lease.
        return try await releaseStrays(wanted, disk, in: epoch).areGone(from: old, to: files.hosts)
    }

    /// Writes files, and has the running child read them.
    ///
    /// - Returns: Whether it has.
    private func reread(
        _ files: ServerFiles,
        _ wanted: ServerWanted,
        _ disk: ServerDisk,
        in epoch: ServerPermit.Epoch,
        within limit: Duration
    ) async throws -> Bool {
        guard let child = current?.child else { return false }
        // The files that it has read are uncertain from here on, also if this is cancelled in between.
        current?.hosts = nil
        current?.names = nil
        try onDisk { () throws(ServerDisk.Failure) in try disk.write(files, over: try disk.read()) }
        var log = ServerLog(disk.paths, after: child.standardError)
        guard child.signal(SIGHUP) else { return false }
        let deadline = ContinuousClock.now + limit
        while !log.hasRead(wanted) {
            guard ContinuousClock.now < deadline, child.exitIfEnded == nil, !log.hasMissed else { return false }
            // Polled, because dnsmasq says only in its log that it has read a file, and nothing wakes it for that;
            // the deadline above bounds it.
            try await Task.sleep(for: Self.pace)
            try permit.check(epoch)
            log.read(child.standardError)
        }
        guard current?.child === child else { return false }
        current?.hosts = files.hosts
        current?.names = files.names
        current?.wanted = wanted
        return true
    }

    /// Has the running child read its hosts again, by which it forgets which of them have declined their addresses.
    ///
    /// For ten minutes after a decline dnsmasq offers a guest nothing, though it has no other address for it. Nothing
    /// is done while no server runs, or a pass has left it uncertain what it knows: then the next pass tells it.
    func forgetDeclines() async throws {
        try await turns.run { try await self.forgetDeclinesNow() }
    }

    private func forgetDeclinesNow() async throws {
        guard let running = current, let hosts = running.hosts, let names = running.names else { return }
        let files = ServerFiles(configuration: running.configuration, hosts: hosts, names: names)
        _ = try await reread(files, running.wanted, disk(), in: running.epoch, within: Self.reloadLimit)
    }
}

extension ServerLog {
    /// Returns whether all files that matter for what is wanted have been read.
    func hasRead(_ wanted: ServerWanted) -> Bool {
        (!wanted.servesDHCP || hostsReads > 0) && (!wanted.servesDNS || namesReads > 0)
    }
}

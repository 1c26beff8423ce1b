import ClusterEngine
import ClusterModel
import Logging
import MariaDB

/// Looks that cost little and ask the database nothing, and repairs of what they find.
extension NodeNetworks {
    /// What a look has found, by what repairs it.
    struct Damage: Sendable {
        /// The networks whose share of the mesh, namespace or server is not what the last pass has left.
        let networks: Set<VNI>
        /// Those whose way out is not.
        let egress: Set<VNI>
    }

    /// What a look looks into: of a network whose server cannot be read, the namespace that is left may have a way out.
    private var lookedInto: [NamespaceName] { Array(Set(namespaces.lastWanted).union(egress.lastWanted)) }

    /// Finds the networks of which this node has not what the last pass has left.
    ///
    /// - Parameter changes: what is known to have changed, beyond what every look looks at: devices, namespaces, and
    ///   whether the servers stand in them.
    /// - Returns: Those that are worth a pass.
    /// - Throws: ``NetlinkError`` when the kernel cannot be read: then nothing is known.
    func damage(after changes: HostChanges) async throws -> Damage {
        let before = egress.now
        let survey = try await HostSurvey.take(names: lookedInto, withEntries: changes.entries)
        return Damage(
            networks: mesh.broken(in: survey)
                .union(namespaces.broken(in: survey))
                .union(await servers.broken(readingFilesOf: changes.files)),
            egress: egress.broken(in: survey, since: before)
        )
    }

    /// Brings devices and namespaces of some networks to what is wanted of them now, as ``repair(under:)`` does with all;
    /// without an answer of the database, to what the last pass wanted.
    ///
    /// - Parameter networks: which.
    /// - Returns: Those that are broken still; what is wrong with them is written down, if there is a database.
    /// - Throws: What kept it from reading wanted or actual, or from writing down what it found.
    func repair(_ networks: Set<VNI>) async throws -> Set<VNI> {
        do {
            return try await repairAsWantedNow(networks)
        } catch let error as DatabaseError {
            guard error.isWithoutAnswer else { throw error }
            let pass = try await mesh.restore(networks)
            return Set(pass.remaining.map(\.vni)).union(try await namespaces.restore(networks).keys)
        }
    }

    private func repairAsWantedNow(_ networks: Set<VNI>) async throws -> Set<VNI> {
        let pass = try await mesh.pass(only: networks)
        try await writeDown(pass)
        let failed = Set(try await makeNamespaces(only: networks).keys)
        let without = pass.wanted.networks.filter { failed.contains($0.id) }.map(\.vni)
        return Set(pass.remaining.map(\.vni)).union(without)
    }

    /// Brings the ways out of some networks to what is wanted of them now, or, without an answer of the database, to what
    /// the last pass wanted; their namespaces go first.
    ///
    /// - Parameter networks: which.
    /// - Returns: Those that are broken still; what is wrong with them is written down.
    /// - Throws: As ``repair(_:)``.
    func repairEgress(_ networks: Set<VNI>) async throws -> Set<VNI> {
        do {
            _ = try await makeEgress(only: networks)
        } catch let error as DatabaseError {
            guard error.isWithoutAnswer else { throw error }
            try await egress.restore(networks)
        }
        let before = egress.now
        let survey = try await HostSurvey.take(names: lookedInto, withEntries: false)
        return egress.broken(in: survey, since: before).intersection(networks)
    }

    /// Brings the servers of some networks to what is wanted of them now; one that hangs takes its time.
    ///
    /// What there is to repair is read once for all of them.
    ///
    /// - Parameters:
    ///   - networks: whose.
    ///   - tenure: under which this node serves; nil when it does not.
    ///   - ended: told of each when it has ended, with whether it serves, or needs not to; what is wrong with it is
    ///     written down.
    func repairServers(
        of networks: Set<VNI>,
        under tenure: Tenure?,
        ended: @escaping @Sendable (VNI, _ isWell: Bool) -> Void
    ) async {
        // Where none may run, none is missing.
        guard servers.mayRun else { return networks.forEach { ended($0, true) } }
        let wanted: [ServerWanted]
        do {
            wanted = try await self.wanted().filter { networks.contains($0.vni) }
        } catch {
            guard !Task.isCancelled else { return }
            logger.warning("servers cannot be repaired", metadata: ["error": "\(error)"])
            return networks.forEach { ended($0, false) }
        }
        // Of one that is gone, or cannot be read, there is nothing to bring about.
        for vni in networks.subtracting(wanted.map(\.vni)) { ended(vni, await !servers.isBroken(vni)) }
        let servers = servers
        await bring(wanted, under: tenure) { vni, error in
            let isBroken = await servers.isBroken(vni)
            ended(vni, error == nil && !isBroken)
        }
    }
}

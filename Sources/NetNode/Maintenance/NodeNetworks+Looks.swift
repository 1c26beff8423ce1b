import ClusterOps

/// Looks that cost little and ask the database nothing, and repairs of what they find.
extension NodeNetworks {
    /// Finds the networks of which this node has not what the last pass has left.
    ///
    /// - Parameter changes: what is known to have changed, beyond what every look looks at: devices, namespaces, and
    ///   whether the servers stand in them.
    /// - Returns: Those that are worth a pass.
    /// - Throws: ``NetlinkError`` when the kernel cannot be read: then nothing is known.
    func broken(after changes: HostChanges) async throws -> Set<VNI> {
        let survey = try await HostSurvey.take(names: namespaces.lastWanted, withEntries: changes.entries)
        return mesh.broken(in: survey)
            .union(namespaces.broken(in: survey))
            .union(await servers.broken(readingFilesOf: changes.files))
    }

    /// Brings some networks to what is wanted of them now, as ``repair(under:)`` does with all.
    ///
    /// - Parameters:
    ///   - networks: which.
    ///   - tenure: under which this node serves; nil when it does not.
    /// - Returns: Those that are broken still; what is wrong with them is written down.
    /// - Throws: What kept it from reading wanted or actual, or from writing down what it found.
    func repair(_ networks: Set<VNI>, under tenure: Tenure?) async throws -> Set<VNI> {
        let pass = try await mesh.pass(only: networks)
        try await writeDown(pass)
        let failed = Set(try await makeNamespaces(only: networks).keys)
        try await bringServers(under: tenure, except: failed, only: networks)
        let without = pass.wanted.networks.filter { failed.contains($0.id) }.map(\.vni)
        let silent = await servers.broken(readingFilesOf: []).intersection(networks)
        return Set(pass.remaining.map(\.vni)).union(without).union(silent)
    }
}

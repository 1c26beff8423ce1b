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

    /// Brings devices and namespaces of some networks to what is wanted of them now, as ``repair(under:)`` does with all.
    ///
    /// - Parameter networks: which.
    /// - Returns: Those that are broken still; what is wrong with them is written down.
    /// - Throws: What kept it from reading wanted or actual, or from writing down what it found.
    func repair(_ networks: Set<VNI>) async throws -> Set<VNI> {
        let pass = try await mesh.pass(only: networks)
        try await writeDown(pass)
        let failed = Set(try await makeNamespaces(only: networks).keys)
        let without = pass.wanted.networks.filter { failed.contains($0.id) }.map(\.vni)
        return Set(pass.remaining.map(\.vni)).union(without)
    }

    /// Brings the server of a network to what is wanted of it now; one that hangs takes its time.
    ///
    /// - Parameters:
    ///   - network: whose.
    ///   - tenure: under which this node serves; nil when it does not.
    /// - Returns: Whether it serves, or needs not to; what is wrong with it is written down.
    func repairServer(of network: VNI, under tenure: Tenure?) async -> Bool {
        guard (try? await bringServers(under: tenure, only: [network])) != nil else { return false }
        return await !servers.broken(readingFilesOf: []).contains(network)
    }
}

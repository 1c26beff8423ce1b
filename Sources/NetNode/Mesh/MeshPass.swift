import ClusterDaemon
import ClusterModel

/// The outcome of one pass over the mesh of a node.
package struct MeshPass: Sendable, Hashable {
    /// The mesh that was wanted.
    package let wanted: MeshWanted
    /// The changes that were made; none means that there was no difference.
    package let changes: [MeshChange]
    /// The changes that are still needed after the read-back: they alone decide whether the pass has succeeded.
    package let remaining: [MeshChange]
    /// The number of batches that were started.
    package let batches: Int
    /// The messages of the programs, also those that do not matter, such as that of a row that another pass removed.
    package let complaints: String
    /// The first message about each network's steps.
    let complaintsOf: [VNI: String]

    /// A Boolean value that indicates whether the kernel has all that is wanted.
    package var hasConverged: Bool { remaining.isEmpty }

    /// The number of changes of devices.
    package var deviceChanges: Int { changes.count { !$0.isOfEntries } }
    /// The number of changes of entries.
    package var entryChanges: Int { changes.count { $0.isOfEntries } }

    /// The networks that have converged, whatever is wrong with others.
    package var converged: [MeshWanted.Network] {
        let wrong = Set(remaining.map(\.vni))
        return wanted.networks.filter { !wrong.contains($0.vni) }
    }

    /// A description, for people, of what is wrong: the first remaining steps, and the messages about them.
    package var trouble: String {
        let last = complaints.split(separator: "\n").last.map { ": \($0)" } ?? ""
        return Self.text(remaining) + last
    }

    /// Returns a description, for people, of what is wrong with one network: the same at each pass that finds the same
    /// for this network.
    package func trouble(of vni: VNI) -> String {
        Self.text(remaining.filter { $0.vni == vni }) + (complaintsOf[vni].map { ": \($0)" } ?? "")
    }

    private static func text(_ remaining: [MeshChange]) -> String {
        let steps = remaining.prefix(3).map { "'\($0.batchLine.replacing("\n", with: ", "))'" }.joined(separator: ", ")
        return "\(remaining.count) steps did not take, such as \(steps)"
    }
}

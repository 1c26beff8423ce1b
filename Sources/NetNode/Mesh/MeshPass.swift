import ClusterDaemon
import ClusterModel

/// The outcome of one pass over the mesh of a node.
package struct MeshPass: Sendable, Hashable {
    /// The mesh that was wanted.
    package let wanted: MeshWanted
    /// The changes that were asked of the kernel; none means that all was found as wanted.
    package let changes: [MeshChange]
    /// The changes that the read-back still finds to be needed: they alone say whether the pass has reached its end.
    package let remaining: [MeshChange]
    /// The number of batches that were started.
    package let batches: Int
    /// The messages of the programs; they also complain of what does not matter, such as a row that another pass
    /// removed.
    package let complaints: String
    /// The first thing that was said of each network's steps.
    let complaintsOf: [VNI: String]

    /// A Boolean value that indicates whether the kernel has all that is wanted.
    package var hasConverged: Bool { remaining.isEmpty }

    /// The number of changes of devices.
    package var deviceChanges: Int { changes.count { !$0.isOfEntries } }
    /// The number of changes of entries.
    package var entryChanges: Int { changes.count { $0.isOfEntries } }

    /// The networks that the kernel has as they are wanted; another network's trouble is not theirs.
    package var converged: [MeshWanted.Network] {
        let wrong = Set(remaining.map(\.vni))
        return wanted.networks.filter { !wrong.contains($0.vni) }
    }

    /// A description, for people, of what is wrong: the first steps that are left, and what was said of them.
    package var trouble: String {
        let last = complaints.split(separator: "\n").last.map { ": \($0)" } ?? ""
        return Self.text(remaining) + last
    }

    /// Returns a description, for people, of what is wrong with one network: the same at each pass that finds the same,
    /// whatever else it finds.
    package func trouble(of vni: VNI) -> String {
        Self.text(remaining.filter { $0.vni == vni }) + (complaintsOf[vni].map { ": \($0)" } ?? "")
    }

    private static func text(_ remaining: [MeshChange]) -> String {
        let steps = remaining.prefix(3).map { "'\($0.batchLine.replacing("\n", with: ", "))'" }.joined(separator: ", ")
        return "\(remaining.count) steps did not take, such as \(steps)"
    }
}

import ClusterDaemon
import ClusterModel

/// What came of one pass over the mesh of a node.
package struct MeshPass: Sendable, Hashable {
    /// What was wanted.
    package let wanted: MeshWanted
    /// The changes that were asked of the kernel; none means that all was found as wanted.
    package let changes: [MeshChange]
    /// What the read-back still finds wrong: it alone says whether the pass has reached its end.
    package let remaining: [MeshChange]
    /// How many batches were started.
    package let batches: Int
    /// What the programs said; they also complain of what does not matter, such as a row that another pass removed.
    package let complaints: String
    /// The first thing that was said of each network's steps.
    let complaintsOf: [VNI: String]

    /// Whether the kernel has all that is wanted.
    package var hasConverged: Bool { remaining.isEmpty }

    /// How many changes were of devices.
    package var deviceChanges: Int { changes.count { !$0.isOfEntries } }
    /// How many changes were of entries.
    package var entryChanges: Int { changes.count { $0.isOfEntries } }

    /// The networks that the kernel has as they are wanted; another network's trouble is not theirs.
    package var converged: [MeshWanted.Network] {
        let wrong = Set(remaining.map(\.vni))
        return wanted.networks.filter { !wrong.contains($0.vni) }
    }

    /// What is wrong, for people: the first steps that are left, and what was said of them.
    package var trouble: String {
        let last = complaints.split(separator: "\n").last.map { ": \($0)" } ?? ""
        return Self.text(remaining) + last
    }

    /// What is wrong with one network, for people: the same at each pass that finds the same, whatever else it finds.
    package func trouble(of vni: VNI) -> String {
        Self.text(remaining.filter { $0.vni == vni }) + (complaintsOf[vni].map { ": \($0)" } ?? "")
    }

    private static func text(_ remaining: [MeshChange]) -> String {
        let steps = remaining.prefix(3).map { "'\($0.batchLine.replacing("\n", with: ", "))'" }.joined(separator: ", ")
        return "\(remaining.count) steps did not take, such as \(steps)"
    }
}

import ClusterModel
import Synchronization

/// What was wanted of each network at the last pass, for looks that ask whether the kernel still has it.
///
/// A look that finds a difference leads to a pass, which reads what is wanted now: so what is old here costs a pass, and
/// does no harm.
package final class LastWanted<Wanted: Sendable>: Sendable {
    private let wanted = Mutex<[VNI: Wanted]>([:])

    package init() {}

    /// All that is known.
    package var all: [VNI: Wanted] { wanted.withLock { $0 } }

    /// Takes note of what is wanted of some networks.
    ///
    /// - Parameters:
    ///   - networks: of which something is wanted.
    ///   - isWhole: whether nothing else is wanted.
    package func note(_ networks: [VNI: Wanted], isWhole: Bool) {
        wanted.withLock { wanted in
            if isWhole { wanted = networks } else { wanted.merge(networks) { _, new in new } }
        }
    }

    /// Forgets a network that was taken away.
    package func forget(_ vni: VNI) {
        _ = wanted.withLock { $0.removeValue(forKey: vni) }
    }
}

import ClusterModel

/// Decides when a network that was found broken is repaired: at once, but one that cannot be repaired later and later, so
/// that it keeps neither the node nor the other networks busy.
///
/// One that was repaired is repaired at once again: whoever breaks it without end meets the bound on all looks.
///
/// Pure.
package struct RepairBackoff: Sendable {
    /// After the second repair that did not help, as the first may have met whoever was still at it; doubled by each
    /// other one.
    package static let first: Duration = .seconds(1)
    /// As often as maintenance tries all networks by default.
    package static let longest: Duration = .seconds(30)
    private struct Trial {
        var strikes: Int
        var next: ContinuousClock.Instant
    }

    private var trials: [VNI: Trial] = [:]

    package init() {}

    /// Which of the networks that are broken now are to be repaired now.
    ///
    /// - Parameters:
    ///   - broken: as a look saw it.
    ///   - busy: those whose repair is under way, of which a look can tell nothing.
    ///   - now: the time of the look.
    /// - Returns: Those whose turn it is.
    package mutating func due(
        _ broken: Set<VNI>,
        besides busy: Set<VNI> = [],
        at now: ContinuousClock.Instant
    ) -> Set<VNI> {
        // Whoever has put right what could not be repaired has put an end to it.
        trials = trials.filter { broken.contains($0.key) || busy.contains($0.key) }
        return broken.subtracting(busy).filter { vni in trials[vni].map { $0.next <= now } ?? true }
    }

    /// Takes note of what a repair came to.
    ///
    /// - Parameters:
    ///   - networks: that were repaired.
    ///   - broken: those of them that are broken still.
    ///   - now: the end of the repair.
    package mutating func note(repaired networks: Set<VNI>, broken: Set<VNI>, at now: ContinuousClock.Instant) {
        for vni in networks {
            guard broken.contains(vni) else {
                trials[vni] = nil
                continue
            }
            let strikes = (trials[vni]?.strikes ?? 0) + 1
            // Beyond 2^5 seconds the bound holds anyway.
            let pause = strikes == 1 ? .zero : min(Self.first * (1 << min(strikes - 2, 5)), Self.longest)
            trials[vni] = Trial(strikes: strikes, next: now + pause)
        }
    }
}

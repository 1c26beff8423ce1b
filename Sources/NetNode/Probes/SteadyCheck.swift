import ClusterModel

/// The state of something on this node that is looked at once a second; pure.
///
/// It fails when it was found bad twice in a row, and is well again when it was found so three times.
struct SteadyCheck: Sendable, Hashable {
    private static let (untilFailed, untilOK) = (2, 3)

    private var (bad, good) = (0, 0)
    /// The last finding that counted; nil before there was any.
    private(set) var outcome: DataPlaneReport.Check?

    /// Takes note of a finding: a fault, or nil.
    mutating func note(_ fault: String?) {
        (bad, good) = fault == nil ? (0, good + 1) : (bad + 1, 0)
        if let fault, bad >= Self.untilFailed {
            outcome = .failed(fault)
        } else if fault == nil, outcome == nil || good >= Self.untilOK {
            outcome = .ok
        }
    }
}

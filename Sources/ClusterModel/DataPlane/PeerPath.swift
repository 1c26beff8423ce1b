/// The state of the underlay between this node and one other: small probes say whether it is reached at all, and now
/// and then one that is as long as the networks' packets says whether those pass.
///
/// Pure, as ``ProbedPath`` is.
package struct PeerPath: Sendable, Hashable {
    /// A probe that is to be sent.
    package enum Size: Sendable, Hashable, CaseIterable {
        case small, full
    }

    /// The state of the path as other nodes, and people, are told of it.
    package enum Verdict: Sendable, Hashable, CustomStringConvertible {
        case unknown
        case answers
        /// Nothing of this node's arrives there, or nothing comes back.
        case unreachable(ProbedPath.Failure)
        /// Small datagrams arrive, and those of `size` bytes do not.
        case limited(size: Int)
        /// Datagrams of `size` bytes are larger than a link on the way, so that the kernel sends them in pieces.
        case fragmented(size: Int)
        /// The other machine is reached, and its netnode does not answer.
        case refused

        /// The verdict for a log, such as `limited below 1550 bytes`.
        package var description: String {
            switch self {
            case .unknown: "unknown"
            case .answers: "answers"
            case .unreachable(.noRoute(let reason)): "unreachable, as nothing can be sent there: \(reason)"
            case .unreachable: "unreachable"
            case .limited(let size): "limited below \(size) bytes"
            case .fragmented(let size): "fragmented below \(size) bytes"
            case .refused: "refused"
            }
        }
    }

    /// The time between two small probes.
    package static let interval: Duration = .seconds(1)
    /// The time between two probes of full size: with four that are lost, a smaller underlay is known after 7 s.
    package static let fullInterval: Duration = .seconds(5)

    private var small: ProbedPath
    private var full: ProbedPath
    /// The length of a packet of the largest network with VXLAN's headers; nil while there is no network.
    package private(set) var fullSize: Int?

    /// Creates a path of which nothing is known; `phase` spreads the probes of different paths over a second.
    package init(fullSize: Int?, at now: ContinuousClock.Instant, phase: Duration = .zero) {
        self.fullSize = fullSize
        small = ProbedPath(every: Self.interval, start: now + phase)
        full = ProbedPath(every: Self.fullInterval, start: now + phase)
    }

    /// Takes the length that packets may have from now on; of another one nothing is known yet.
    package mutating func resize(_ size: Int?, at now: ContinuousClock.Instant) {
        guard size != fullSize else { return }
        fullSize = size
        full = ProbedPath(every: Self.fullInterval, start: now)
    }

    /// Returns the probes to send now.
    package mutating func due(at now: ContinuousClock.Instant) -> [Size] {
        small.expire(at: now)
        full.expire(at: now)
        var sizes: [Size] = small.isDue(at: now) ? [.small] : []
        // That long ones do not arrive is news only while short ones do: a node that has just died loses both.
        if fullSize != nil, small.state == .answering, !small.hasMissed, full.isDue(at: now) { sizes.append(.full) }
        return sizes
    }

    /// Takes note that a probe was sent.
    package mutating func sent(_ size: Size, nonce: UInt64, at now: ContinuousClock.Instant) {
        self[size].sent(nonce, at: now)
    }

    /// Takes note of an answer.
    ///
    /// - Returns: False when it answers nothing that was asked.
    package mutating func answered(_ nonce: UInt64) -> Bool { small.answered(nonce) || full.answered(nonce) }

    /// Takes note that a probe has failed, or could not be sent.
    package mutating func failed(_ size: Size, _ failure: ProbedPath.Failure, at now: ContinuousClock.Instant) {
        self[size].failed(failure, at: now)
    }

    /// Takes note that the kernel was told of a probe that cannot be delivered: the one that is open.
    package mutating func failedOpen(_ failure: ProbedPath.Failure, at now: ContinuousClock.Instant) {
        // Of nothing that is open any more it is too late to tell.
        guard let size = Size.allCases.first(where: { self[$0].isOpen }) else { return }
        failed(size, failure, at: now)
    }

    package var verdict: Verdict {
        switch (small.state, full.state) {
        case (.unknown, _): .unknown
        case (.failing(.refused), _): .refused
        case (.failing(let failure), _): .unreachable(failure)
        case (.answering, .failing(let failure)):
            switch fullSize {
            case let size? where failure == .tooLarge: .fragmented(size: size)
            case let size?: .limited(size: size)
            case nil: .answers
            }
        case (.answering, _): .answers
        }
    }

    private subscript(size: Size) -> ProbedPath {
        get { size == .small ? small : full }
        set { if size == .small { small = newValue } else { full = newValue } }
    }
}

import ClusterModel

/// The requests of a probe, and who has answered them.
package struct OverlayObservation: Sendable {
    /// The kinds of requests.
    package enum Question: Sendable, Hashable, CaseIterable {
        /// The gateway's hardware address, by ARP.
        case gateway
        /// An address, by DHCPDISCOVER.
        case lease
    }

    /// One request and its answers.
    package struct Sample: Sendable {
        /// The index of the network.
        package let network: Int
        /// The kind of the request.
        package let question: Question
        /// The moment at which it was sent.
        package let sentAt: ContinuousClock.Instant
        /// The nodes whose tunnels the answers came through.
        package internal(set) var answers: [IPv4Address] = []
    }

    /// In the order in which they were sent.
    package internal(set) var samples: [Sample] = []

    /// The requests that two nodes have answered.
    package var contested: [Sample] { samples.filter { Set($0.answers).count > 1 } }

    /// The longest time in which nobody answered, network by network: from the last request that was answered to the
    /// next that was, or to the end.
    package func silences(_ question: Question) -> [Int: Duration] {
        var last: [Int: ContinuousClock.Instant] = [:]
        var longest: [Int: Duration] = [:]
        for sample in samples where sample.question == question {
            let before = last[sample.network] ?? sample.sentAt
            longest[sample.network] = max(longest[sample.network] ?? .zero, sample.sentAt - before)
            if last[sample.network] == nil || !sample.answers.isEmpty { last[sample.network] = sample.sentAt }
        }
        // A gap that no answer ends lasts to the last request, which the loop has seen too.
        return longest
    }

    /// The nodes that answered for a network, in order, each once for as long as no other one did.
    package func holders(of network: Int, _ question: Question) -> [IPv4Address] {
        samples.filter { $0.network == network && $0.question == question }.flatMap(\.answers).reduce(into: []) {
            if $0.last != $1 { $0.append($1) }
        }
    }

    /// Returns when the first request after a moment was sent that was answered, for each network that has one.
    package func firstAnswered(_ question: Question, after moment: ContinuousClock.Instant) -> [Int: Duration] {
        var first: [Int: Duration] = [:]
        for sample in samples
        where sample.question == question && sample.sentAt >= moment && !sample.answers.isEmpty
            && first[sample.network] == nil
        {
            first[sample.network] = sample.sentAt - moment
        }
        return first
    }
}

import ClusterModel
import ClusterStore

/// A choice of events by their kind and by what they are about; pure.
package struct EventChoice: Sendable, Hashable {
    /// Every event.
    package static let all = EventChoice(globs: [], subject: nil)

    /// The kinds of events.
    package static let words =
        TimelineEvent.Event.allCases.map(\.rawValue) + DHCPEventKind.allCases.map(\.rawValue)
        + AuditKind.allCases.map(\.rawValue)

    private let kinds: [Glob]
    /// The node, network, interface, queue or id that events are about, in which `*` stands for any run of characters;
    /// nil for all.
    package let subject: String?

    private init(globs: [Glob], subject: String?) {
        kinds = globs
        self.subject = subject
    }

    /// Chooses events.
    ///
    /// - Parameters:
    ///   - kinds: Words of events, such as `ended`, or of what `dhcp` and `change` are about, such as `node drained`;
    ///     `*` stands for any run of characters, and no kinds for all.
    ///   - subject: The node, network, interface, queue or id that they are about, in which `*` stands for the same.
    /// - Throws: `ClusterOpsError` with code `invalid` for a kind that no event has.
    package init(kinds: [String], subject: String?) throws(ClusterOpsError) {
        self.init(globs: kinds.map { Glob($0) }, subject: subject)
        for kind in kinds where !Self.words.contains(where: Glob(kind).matches) {
            let words = Self.words.joined(separator: ", ")
            throw ClusterOpsError(
                .invalid,
                "no event is of kind \(ValueError.quotable(kind)); the kinds are: \(words)"
            )
        }
    }

    /// A Boolean value that indicates whether any event of an operation is chosen.
    var hasOperations: Bool {
        TimelineEvent.Event.allCases.contains { $0 != .dhcp && $0 != .change && includes($0) }
    }

    /// A Boolean value that indicates whether any event of a DHCP server is chosen.
    var hasDHCP: Bool { DHCPEventKind.allCases.contains { includes(.dhcp, $0.rawValue) } }

    /// The kinds of changes that are chosen.
    var changes: [AuditKind] { AuditKind.allCases.filter { includes(.change, $0.rawValue) } }

    /// Returns whether events of a kind are chosen.
    func includes(_ event: TimelineEvent.Event, _ kind: String? = nil) -> Bool {
        kinds.isEmpty || kinds.contains { $0.matches(event.rawValue) || kind.map($0.matches) == true }
    }

    /// Returns whether the events of an operation can be chosen: they are about its network, node, queue and id.
    func isAbout(_ operation: Operation) -> Bool {
        matches([operation.network?.description, operation.node?.description])
            || matches(["\(operation.queue)", "\(operation.id)"])
    }

    /// Returns whether an event of a DHCP server is chosen: it is about its network, node and client.
    func includes(_ event: NetworkEvent) -> Bool {
        includes(.dhcp, event.kind.rawValue) && matches(["\(event.network)", "\(event.node)", "\(event.mac)"])
    }

    private func matches(_ names: [String?]) -> Bool {
        guard let subject else { return true }
        let glob = Glob(subject)
        return names.contains { $0.map(glob.matches) == true }
    }
}

import ClusterModel
import ClusterStore
import MariaDB

/// Values that are right by themselves and do not go with others that are there.
///
/// Each is looked for after the row has been written, by a read that waits for whoever is just writing the other: of
/// two at once, the later one sees the earlier one.
extension Inventory {
    /// Refuses a network that has just been added, with addresses of nodes or of the external network.
    static func refuseOverlap(of draft: NetworkDraft, in transaction: borrowing Transaction) throws {
        if let external = try ExternalStatements.lock(in: transaction), external.cidr.overlaps(draft.cidr) {
            throw ClusterOpsError(
                .conflict,
                "network '\(draft.name)' cannot be \(draft.cidr): "
                    + "it overlaps with the external network \(external.cidr)"
            )
        }
        if let node = try NodeStatements.holdAny(withUnderlayIn: draft.cidr.range, in: transaction) {
            throw ClusterOpsError(
                .conflict,
                "network '\(draft.name)' cannot be \(draft.cidr): the underlay address \(node.underlayAddress) of node "
                    + "'\(node.name)' lies in it"
            )
        }
    }

    /// Refuses an underlay address that has just been given to a node, where guests of a network have such addresses.
    static func refuseGuestAddress(_ address: IPv4Address, in transaction: borrowing Transaction) throws {
        guard let network = try NetworkStatements.holdAny(containing: address, in: transaction) else { return }
        throw ClusterOpsError(
            .conflict,
            "underlay address \(address) lies in network '\(network.name)', which is \(network.cidr)"
        )
    }

    /// Refuses a domain with which a guest of a locked network would have a name that is too long.
    static func refuseTooLong(
        _ domain: DomainName,
        of network: NetworkRecord,
        in transaction: borrowing Transaction
    ) throws {
        guard let longest = try NetworkStatements.longestHostname(of: network.id, on: transaction.session),
            SpecialUseName.objection(to: longest, in: domain) != nil
        else { return }
        throw ClusterOpsError(
            .conflict,
            "domain '\(domain)' cannot be network '\(network.name)'s: with it the name of guest '\(longest)' would "
                + "have more than \(DomainName.longest) characters"
        )
    }
}

import ClusterModel

/// The lines of the audit trail for changes of wanted state, with the keys that the answers of `clusterctl` have.
extension AuditedChange {
    init(_ kind: AuditKind, _ node: NodeRecord, reason: String? = nil) {
        self.init(
            kind,
            of: "\(node.name)",
            id: AuditSubjectID(rawValue: node.id.rawValue),
            reason: reason,
            values: [
                "underlay_address": .string("\(node.underlayAddress)"),
                "roles": .array(node.roles.map { .string($0.rawValue) }),
                "state": .string(node.state.rawValue),
            ]
        )
    }

    init(_ kind: AuditKind, _ snapshot: NetworkSnapshot) {
        let network = snapshot.record
        self.init(
            kind,
            of: "\(network.name)",
            id: AuditSubjectID(rawValue: network.id.rawValue),
            values: [
                "vni": .integer(Int64(network.vni.rawValue)), "cidr": .text(network.cidr),
                "mtu": .integer(Int64(network.mtu.rawValue)), "domain": .text(network.domain),
                "dhcp": .bool(network.dhcp), "dns": .bool(network.dns), "gateway": .bool(network.gateway),
                "port_security": .bool(network.portSecurity), "external_address": .text(snapshot.externalAddress),
            ]
        )
    }

    init(_ kind: AuditKind, _ interface: Interface) {
        self.init(
            kind,
            of: "\(interface.hostname)",
            id: AuditSubjectID(rawValue: interface.id.rawValue),
            values: [
                "network": .text(interface.network), "node": .text(interface.node), "mac": .text(interface.mac),
                "address": .text(interface.address), "floating_address": .text(interface.floatingAddress),
                "floating_ports": .array(interface.floatingPorts.map { .string("\($0)") }),
                "allowed_addresses": .array(interface.allowedAddresses.map { .string("\($0)") }),
            ]
        )
    }

    init(_ kind: AuditKind, _ external: ExternalNetwork) {
        self.init(
            kind,
            of: "external",
            values: [
                "cidr": .text(external.cidr), "gateway": .text(external.gateway),
                "first_address": .text(external.first), "last_address": .text(external.last),
            ]
        )
    }
}

extension JSONValue {
    fileprivate static func text(_ value: (some TextValue)?) -> JSONValue {
        value.map { .string($0.description) } ?? .null
    }
}

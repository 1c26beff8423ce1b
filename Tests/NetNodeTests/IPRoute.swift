import ChildProcess
import ClusterEngine
import ClusterModel
import ClusterStore
import Foundation

@testable import NetNode

/// The devices and static rows of a namespace as `ip` and `bridge` show them: another witness of what netlink tells.
enum IPRoute {
    /// Every device, without the settings that `ip` does not show.
    static func links(in namespace: String?) async throws -> [Link] {
        try await read([Device].self, HostCommand(.ip, ["-j", "-d", "link", "show"], namespace: namespace))
            .map(\.asLink)
    }

    /// What the mesh has.
    static func mesh(in namespace: String?) async throws -> MeshActual {
        let rows = try await read([Row].self, HostCommand(.bridge, ["-j", "fdb", "show"], namespace: namespace))
        var entries: [VNI: Set<ForwardingEntry>] = [:]
        for row in rows {
            guard let (tunnel, entry) = row.entry else { continue }
            entries[tunnel.vni, default: []].insert(entry)
        }
        return MeshActual(try await links(in: namespace), entries: entries)
    }

    /// The devices inside a network's namespace, with their addresses.
    static func devices(in namespace: String) async throws -> [NamespaceDevice] {
        try await read([Interior].self, HostCommand(.ip, ["-j", "addr", "show"], namespace: namespace)).map(\.device)
    }

    /// The routes of a network's namespace that concern its egress.
    static func routes(in namespace: String) async throws -> [EgressActual.Route] {
        struct Route: Decodable {
            let dst: String
            let gateway: String?
            let dev: String?
        }
        return try await read([Route].self, HostCommand(.ip, ["-j", "route", "show"], namespace: namespace))
            .map { EgressActual.Route(dst: $0.dst, gateway: $0.gateway, dev: $0.dev) }
            .filter { $0.dev == EgressChange.device || $0.dst == "default" }
    }

    private static func read<Value: Decodable>(_ type: Value.Type, _ command: HostCommand) async throws -> Value {
        try JSONDecoder().decode(type, from: Data(try await command.text().utf8))
    }

    private struct Device: Decodable {
        struct Info: Decodable {
            struct Fields: Decodable {
                let id: Int?
                let port: Int?
                let learning: Bool?
                let local: String?
                let mcast_snooping: Int?
            }

            struct Port: Decodable {
                let state: String?
            }

            let info_kind: String?
            let info_data: Fields?
            let info_slave_data: Port?
        }

        let ifname: String
        let ifindex: Int
        let mtu: Int
        let flags: [String]
        let master: String?
        let link: String?
        let group: String?
        let inet6_addr_gen_mode: String?
        let linkinfo: Info?

        var asLink: NetNode.Link {
            let fields = linkinfo?.info_data
            let tunnel = linkinfo?.info_kind == "vxlan" ? fields : nil
            return NetNode.Link(
                name: ifname,
                index: ifindex,
                mtu: mtu,
                isUp: flags.contains("UP"),
                master: master,
                lower: link,
                kind: linkinfo?.info_kind,
                ipv6AddressMode: inet6_addr_gen_mode,
                snoopsMulticast: linkinfo?.info_kind == "bridge" && fields?.mcast_snooping ?? 0 != 0,
                tunnel: tunnel.map {
                    .init(id: $0.id ?? 0, port: $0.port ?? 0, learning: $0.learning ?? false, local: $0.local)
                },
                group: group,
                isForwarding: linkinfo?.info_slave_data?.state == "forwarding"
            )
        }
    }

    private struct Row: Decodable {
        let ifname: String
        let mac: String?
        let dst: String?
        let flags: [String]
        let state: String?
        let port: Int?
        let vni: Int?
        let viaIf: String?

        /// Nil for everything that is not a static row of a tunnel of ours.
        var entry: (tunnel: TunnelName, entry: ForwardingEntry)? {
            guard let tunnel = TunnelName(deviceName: ifname), let mac, let dst, state == "permanent",
                flags.contains("self"), !flags.contains("extern_learn"), let destination = try? IPv4Address(dst)
            else { return nil }
            let station: ForwardingEntry.Station =
                if mac == "00:00:00:00:00:00" {
                    .flood
                } else if let guest = try? MACAddress(mac) {
                    .guest(guest)
                } else {
                    .other(mac)
                }
            let hasDetour = port != nil || vni != nil || viaIf != nil
            let detour = ForwardingEntry.Detour(port: port, vni: vni, device: viaIf.flatMap { try? LinkName($0) })
            return (tunnel, ForwardingEntry(station, to: destination, detour: hasDetour ? detour : nil))
        }
    }

    private struct Interior: Decodable {
        struct Address: Decodable {
            let family: String
            let local: String?
            let prefixlen: Int
        }

        let ifname: String
        let address: String?
        let mtu: Int
        let flags: [String]
        let link_index: Int?
        let group: String?
        let addr_info: [Address]

        var device: NamespaceDevice {
            NamespaceDevice(
                name: ifname,
                mac: address ?? "",
                mtu: mtu,
                isUp: flags.contains("UP"),
                addresses: addr_info.filter { $0.family == "inet" }.map { "\($0.local ?? "")/\($0.prefixlen)" },
                peer: link_index,
                isIPv6Disabled: nil,
                group: group.map { $0 == "default" ? "0" : $0 } ?? "0"
            )
        }
    }
}

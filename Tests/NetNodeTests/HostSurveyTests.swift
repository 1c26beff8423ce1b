import ClusterModel
import ClusterOpsTestKit
import Foundation
import NetNode
import Testing

extension NamespaceTests {
    /// The kernel asked by us must answer what it answers `ip` and `bridge`.
    @Suite(.serialized) struct HostSurveyTests {
        @Test func `a survey sees what ip and bridge see, whatever somebody has made of it`() async throws {
            try await withMesh(hosts: 2, networkNodes: [0, 1]) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                let green = try await world.addNetwork("green", vni: 200)
                for (number, network, index) in [(11, blue, 0), (12, blue, 1), (13, green, 1)] {
                    try await world.want(number, in: network, on: index)
                }
                try await world.passEverywhere()
                let host = world.hosts[0]
                let namespaces = NamespaceReconciler(
                    prefix: host.namespacePrefix,
                    namespace: host.namespacePath,
                    logger: .silent
                )
                let wanted = try [blue, green].map { network in
                    NamespaceWanted(
                        vni: network.vni,
                        mtu: try MTU(1450),
                        address: try IPv4Address("10.9.0.1"),
                        prefixLength: 24
                    )
                }
                #expect(try await namespaces.pass(wanted).isEmpty)
                let vnis = [blue.vni, green.vni, try VNI(300)]
                try await compare(host, namespaces, vnis, "as made")
                let (first, second) = (namespaces.name(blue.vni), namespaces.name(green.vni))
                for (line, place) in [
                    ("ip link set dev covx100 type vxlan local 192.0.2.99 learning", host.namespace),
                    ("ip link set dev covx200 mtu 1400 nomaster addrgenmode eui64", host.namespace),
                    ("ip link set dev cobr200 down type bridge mcast_snooping 1", host.namespace),
                    ("ip link set dev cogw200 group 7", host.namespace),
                    ("sysctl -q -w net.ipv4.conf.cobr100.rp_filter=2", host.namespace),
                    ("sysctl -q -w net.ipv4.conf.cobr100.arp_ignore=3", host.namespace),
                    ("sysctl -q -w net.ipv6.conf.cogw100.disable_ipv6=0", host.namespace),
                    ("sysctl -q -w net.ipv4.conf.covx100.forwarding=1", host.namespace),
                    ("ip link add name covx300 type vxlan id 7 dstport 8472 dev under0", host.namespace),
                    ("ip link add name cobr300 link under0 type macvlan", host.namespace),
                    (
                        "bridge fdb append 00:00:00:00:00:00 dev covx100 dst 192.0.2.9 port 8472 vni 9 via under0",
                        host.namespace
                    ),
                    ("bridge fdb add 01:00:5e:00:00:01 dev covx100 dst 192.0.2.9", host.namespace),
                    ("bridge fdb add 02:00:00:00:00:98 dev covx100 dst 192.0.2.9 self dynamic", host.namespace),
                    ("ip addr add 10.9.0.7/25 dev gw0", "\(first)"), ("ip link set dev lo down", "\(first)"),
                    ("ip link set dev gw0 down mtu 1400 address 02:00:00:00:00:77", "\(first)"),
                    ("ip link set dev gw0 group 7", "\(first)"),
                    ("ip link del dev gw0", "\(second)"), ("ip link add name gw0 type bridge", "\(second)"),
                ] {
                    try await world.underlay.run(line, in: place)
                    try await compare(host, namespaces, vnis, line)
                }
            }
        }

        private func compare(
            _ host: NamespaceHosts.Host,
            _ namespaces: NamespaceReconciler,
            _ vnis: [VNI],
            _ what: String
        ) async throws {
            let survey = try await HostSurvey.take(
                in: host.namespacePath,
                names: vnis.map(namespaces.name),
                rows: .all
            )
            let read = try await IPRoute.mesh(in: host.namespacePath)
            #expect(survey.mesh.entries.filter { !$0.value.isEmpty } == read.entries, "\(what)")
            let links = try await IPRoute.links(in: host.namespacePath)
            #expect(Set(survey.links.keys) == Set(links.map(\.name)), "\(what)")
            // The kernel tells a bridge of a carrier up to a second later: what `ip` saw in between is one of both.
            let later = try await HostSurvey.take(in: host.namespacePath, names: [], rows: .none)
            for link in links {
                let seen = [try #require(survey.links[link.name]), try #require(later.links[link.name])]
                #expect(seen.map(facts).contains(facts(link)), "\(what): \(seen)")
            }
            for device in ["cobr100", "covx100", "cogw100"] {
                #expect(survey.links[device]?.stack == (try await settings(of: device, on: host)), "\(what): \(device)")
            }
            for vni in vnis {
                let name = namespaces.name(vni)
                #expect(
                    asShown(survey.namespace(vni).interior) == (try await interior(of: name)),
                    "\(what): \(vni)"
                )
            }
        }

        /// What `ip` says of the inside of a namespace.
        private func interior(of name: NamespaceName) async throws -> NamespaceActual.Interior {
            switch name.presence {
            case .absent: return .absent
            case .broken: return .broken
            case .present: break
            }
            return .init(try await IPRoute.devices(in: name.path))
        }

        /// `ip` shows neither whether a device takes IPv6 nor rules.
        private func asShown(_ interior: NamespaceActual.Interior) -> NamespaceActual.Interior {
            guard case .present(let isUp, var gateway?) = interior else { return interior }
            (gateway.isIPv6Disabled, gateway.gateRules) = (nil, nil)
            return .present(loopbackIsUp: isUp, gateway: gateway)
        }

        /// What `sysctl` says of a device's settings; nil when there is no such device.
        private func settings(of device: String, on host: NamespaceHosts.Host) async throws -> StackSettings? {
            let ipv4 = ["forwarding", "rp_filter", "arp_ignore"].map { "net.ipv4.conf.\(device).\($0)" }
            let keys = ipv4 + ["net.ipv6.conf.\(device).disable_ipv6"]
            let command = HostCommand(.sysctl, ["-n", "-e"] + keys, namespace: host.namespacePath)
            let values = try await command.text().split(separator: "\n").compactMap { UInt32($0) }
            guard values.count == 4 else { return nil }
            return StackSettings(
                forwards: values[0] != 0,
                reversePathFilter: values[1],
                arpIgnore: values[2],
                isIPv6Disabled: values[3] != 0
            )
        }

        /// All that is compared of a device; `ip` also names groups that have a name.
        private func facts(_ link: Link) -> [String] {
            [
                link.name, "\(link.index)", "\(link.mtu)", "\(link.isUp)", "\(link.master ?? "-")",
                link.lower ?? "-", link.kind ?? "-",
                link.ipv6AddressMode ?? "-", "\(link.snoopsMulticast)", "\(String(describing: link.tunnel))",
                link.group == "default" ? "0" : link.group ?? "-", "\(link.isForwarding)",
            ]
        }

        @Test func `a namespace that is gone, and a name without one, are told from one that cannot be read`()
            async throws
        {
            try await withHosts(count: 1) { underlay in
                let host = underlay.hosts[0]
                let names = [NamespaceName(prefix: host.namespacePrefix, try VNI(100))]
                let absent = try await HostSurvey.take(in: host.namespacePath, names: names, rows: .none)
                #expect(absent.insides.mapValues(\.interior) == [try VNI(100): .absent] && absent.entries.isEmpty)
                await #expect(throws: NetlinkError.self) {
                    try await HostSurvey.take(in: "/run/netns/none", names: [], rows: .none)
                }
                await #expect(throws: NetlinkError.self) {
                    try await HostSurvey.take(in: "/etc/hostname", names: [], rows: .none)
                }
            }
        }
    }
}

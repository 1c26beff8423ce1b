import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Exposition
import MariaDB
import Synchronization
import Testing

@testable import NetNode

/// The counters of networks, added up from those of devices and rules.
@Suite struct NetworkTrafficTests {
    private func survey(_ devices: [(name: String, master: String, index: Int, count: UInt64)]) -> HostSurvey {
        let links = devices.map { device in
            Link(
                name: device.name,
                index: device.index,
                mtu: 1450,
                isUp: true,
                master: device.master,
                kind: nil,
                ipv6AddressMode: nil,
                tunnel: nil
            )
        }
        return HostSurvey(
            links: Dictionary(links.map { ($0.name, $0) }) { first, _ in first },
            entries: [:],
            stations: [:],
            tables: [:],
            insides: [:],
            traffic: devices.reduce(into: [:]) { traffic, device in
                let received = TrafficCount(packets: device.count, bytes: 100 * device.count)
                traffic[device.index] = DeviceTraffic(received: received, sent: TrafficCount(packets: 1, bytes: 60))
            }
        )
    }

    @Test func `a network's traffic never goes back, whatever devices come and go`() throws {
        let vni = try VNI(100)
        var traffic = NetworkTraffic()
        func guests() -> UInt64? { traffic.totals[.init(vni, .guests)]?.received.packets }
        traffic.note(survey([("vnet0", "cobr100", 5, 10), ("covx100", "cobr100", 6, 3), ("eth0", "", 2, 99)]))
        #expect(guests() == 10 && traffic.totals[.init(vni, .nodes)]?.received.bytes == 300)
        #expect(traffic.totals.count == 2, "a device of nobody's counts nowhere")
        traffic.note(survey([("vnet0", "cobr100", 5, 12), ("vnet1", "cobr100", 7, 1), ("cogw100", "cobr100", 8, 4)]))
        #expect(guests() == 13 && traffic.totals[.init(vni, .gateway)]?.received.packets == 4)
        // One is gone, and another one has its name.
        traffic.note(survey([("vnet0", "cobr100", 9, 2), ("vnet1", "cobr100", 7, 1)]))
        #expect(guests() == 15)
        // Somebody has set it back.
        traffic.note(survey([("vnet1", "cobr100", 7, 0)]))
        #expect(guests() == 15)
        traffic.note(survey([("vnet1", "cobr100", 7, 5)]))
        #expect(guests() == 20)
        traffic.forget(vni)
        #expect(traffic.totals.isEmpty)
    }

    @Test func `every network has its series, and those beyond the limit have one together`() throws {
        let most = TrafficMetrics.mostNetworks
        var (names, traffic): ([VNI: NetworkName], [NetworkTraffic.Key: DeviceTraffic]) = ([:], [:])
        for number in 1...(most + 2) {
            let vni = try VNI(number)
            names[vni] = try NetworkName("n\(number)")
            traffic[.init(vni, .guests)] = DeviceTraffic(received: TrafficCount(packets: 2, bytes: 200))
        }
        let families = TrafficMetrics.families(names, traffic, [try VNI(1): [.rateLimit: TrafficCount(packets: 7)]])
        #expect(families.map(\.name) == TrafficMetrics.metrics.map(\.name))
        func value(_ family: Int, _ labels: [String]) -> Double? {
            families[family].samples.first { $0.labels.items.map(\.value) == labels }?.value
        }
        #expect(value(0, ["n1", "guests", "in"]) == 200 && value(1, ["n\(most)", "guests", "in"]) == 2)
        #expect(value(1, ["other", "guests", "in"]) == 4 && value(1, ["n\(most + 1)", "guests", "in"]) == nil)
        #expect(value(1, ["n1", "guests", "out"]) == 0 && value(0, ["n1", "gateway", "in"]) == 0)
        #expect(value(2, ["n1", "rate_limit"]) == 7 && value(2, ["n1", "port_security"]) == 0)
        #expect(families[0].samples.count == (most + 1) * 6)
    }
}

extension NamespaceTests {
    /// The same of real devices and rules.
    @Suite(.serialized) struct TrafficTests {
        @Test func `frames of guests are counted by network and direction, and dropped ones by reason`() async throws {
            try await withPorts { world in
                let networks = world.loops[0].networks
                let vni = world.blue.vni
                func drops() async throws -> [DropReason: UInt64] {
                    try await networks.ports.drops()[vni]?.mapValues(\.packets) ?? [:]
                }
                func traffic() async throws -> [NetworkTraffic.Place: DeviceTraffic] {
                    _ = try await world.loops[0].reconcile([.node], .operation)
                    let totals = networks.traffic.withLock { $0.totals }
                    return NetworkTraffic.Place.allCases.reduce(into: [:]) { $0[$1] = totals[.init(vni, $1)] }
                }
                let (before, countedBefore) = (try await traffic(), try await drops())
                let wire = try RawPort("eth0", in: world.attacker.namespace)
                let nothing = [UInt8](repeating: 0, count: 46)
                let forged = ForgedFrame.ethernet(from: world.victim.mac, ForgedFrame.ipv4, nothing)
                for _ in 0..<500 { try wire.send(forged) }
                let honest = ForgedFrame.Station(world.attacker.mac, world.attacker.address)
                let request = ForgedFrame.arp(1, of: honest, about: world.far.address)
                // As many as pass at once, and twice as many again: what passes meanwhile is far less.
                for _ in 0..<1000 {
                    try wire.send(ForgedFrame.ethernet(from: world.attacker.mac, ForgedFrame.arp, request))
                }
                let (after, counted) = (try await traffic(), try await drops())
                let news = (counted[.portSecurity] ?? 0) - (countedBefore[.portSecurity] ?? 0)
                #expect((500...520).contains(news), "\(news)")
                let limited = (counted[.rateLimit] ?? 0) - (countedBefore[.rateLimit] ?? 0)
                #expect(limited > 0 && limited < 1000, "\(limited)")
                let sent = (after[.guests]?.received.packets ?? 0) - (before[.guests]?.received.packets ?? 0)
                #expect(sent >= 1500 && sent < 1600, "\(sent)")
                // What was let pass went to the other node and to the victim; what was dropped went nowhere.
                let left = (after[.nodes]?.sent.packets ?? 0) - (before[.nodes]?.sent.packets ?? 0)
                #expect(left > 0 && left <= 1000 - limited + 50, "\(left)")

                // The table is made anew for another guest, and by another process.
                try await world.mesh.want(14, in: world.blue, on: 0)
                try await world.bring()
                _ = try await world.mesh.start(14, in: world.blue, on: 0)
                try await world.bring()
                #expect(try await drops()[.portSecurity] ?? 0 >= counted[.portSecurity] ?? 0)
                let next = PortReconciler(namespace: world.host.namespacePath, logger: .silent)
                let wanted = try await NodeWanted.read(on: try world.mesh.name(0), in: world.mesh.cluster.database)
                next.note(wanted.ports, unreadable: [], of: nil)
                let survey = try await HostSurvey.take(in: world.host.namespacePath, names: [], rows: .of([vni]))
                let pass = try await next.pass([vni], from: survey, isServing: true)
                #expect(pass.madeTable && pass.trouble.isEmpty)
                #expect(try await next.drops()[vni]?[.rateLimit]?.packets ?? 0 >= limited)
            }
        }
    }
}

import ClusterModel
import NetNode
import Testing

@Suite struct NamespaceDiffTests {
    private let wanted: NamespaceWanted
    private let complete: NamespaceActual

    init() throws {
        wanted = NamespaceWanted(
            vni: try VNI(100),
            mtu: try MTU(1450),
            address: try IPv4Address("10.9.0.1"),
            prefixLength: 24
        )
        complete = NamespaceActual(
            interior: .present(
                loopbackIsUp: true,
                gateway: .init(mac: "02:63:6f:00:00:64", mtu: 1450, isUp: true, addresses: ["10.9.0.1/24"], peer: 7)
            ),
            veth: Link(
                name: "cogw100",
                index: 7,
                mtu: 1450,
                isUp: true,
                master: "cobr100",
                kind: "veth",
                ipv6AddressMode: "none",
                tunnel: nil,
                group: "4711"
            )
        )
    }

    private func changes(_ edit: (inout NamespaceActual) -> Void) -> [NamespaceChange] {
        var actual = complete
        edit(&actual)
        return NamespaceDiff.changes(from: actual, to: wanted)
    }

    private func gateway(_ edit: (inout NamespaceActual.Gateway) -> Void) -> NamespaceActual.Interior {
        guard case .present(let isUp, var gateway?) = complete.interior else { return .absent }
        edit(&gateway)
        return .present(loopbackIsUp: isUp, gateway: gateway)
    }

    @Test func `what is as wanted is not touched`() {
        #expect(changes { _ in }.isEmpty)
    }

    @Test func `from nothing, the namespace is silent before anything in it could speak`() {
        let steps = changes { $0 = NamespaceActual(interior: .absent, veth: nil) }
        #expect(
            steps == [
                .addNamespace, .silenceNamespace, .loadGate, .addVeth, .silenceVeth, .plugVeth, .closeVeth, .raiseVeth,
                .raiseLoopback, .addAddress, .raiseGateway,
            ]
        )
    }

    @Test func `a name without a namespace is taken away first, and a veth that leads nowhere too`() {
        #expect(changes { $0.interior = .broken }.starts(with: [.deleteName, .addNamespace, .deleteVeth]))
        #expect(
            changes { $0.interior = .present(loopbackIsUp: true, gateway: nil) }
                .starts(with: [.deleteVeth, .silenceNamespace, .loadGate, .addVeth])
        )
        #expect(changes { $0.veth = nil }.starts(with: [.deleteGateway, .silenceNamespace, .loadGate, .addVeth]))
    }

    @Test func `a veth and a gateway that are not two ends of one cable are both made anew`() {
        #expect(
            changes { $0.interior = gateway { $0.peer = 8 } }
                .starts(with: [.deleteVeth, .deleteGateway, .silenceNamespace, .loadGate, .addVeth])
        )
        #expect(changes { $0.interior = gateway { $0.peer = nil } }.contains(.deleteGateway))
    }

    @Test func `each thing that is wrong is put right by itself`() {
        #expect(changes { $0.interior = gateway { $0.mac = "02:00:00:00:00:01" } } == [.setGatewayMAC])
        #expect(changes { $0.interior = gateway { $0.mtu = 1500 } } == [.setGatewayMTU])
        #expect(changes { $0.interior = gateway { $0.isUp = false } } == [.raiseGateway])
        #expect(changes { $0.interior = gateway { $0.isIPv6Disabled = true } } == [])
        #expect(changes { $0.interior = gateway { $0.isIPv6Disabled = false } } == [.silenceNamespace])
        #expect(
            changes { $0.interior = gateway { $0.addresses = ["10.9.0.7/24"] } }
                == [.addAddress, .removeAddress("10.9.0.7/24")]
        )
        #expect(changes { $0.veth = veth(group: "default") } == [.setVethGroup])
        #expect(changes { $0.veth = veth(mtu: 1500) } == [.setVethMTU])
        #expect(changes { $0.veth = veth(master: nil) } == [.plugVeth])
        #expect(changes { $0.veth = veth(isUp: false) } == [.raiseVeth])
        #expect(changes { $0.veth = veth(mode: "eui64") } == [.silenceVeth])
        #expect(changes { $0.veth = veth(isUp: false, stack: .open) } == [.closeVeth, .raiseVeth])
    }

    @Test func `the namespace's own gate is made before a device, and opened before one speaks`() {
        let (open, closed) = (NamespaceGate(isOpen: true, rules: [1, 2]), NamespaceGate(rules: [1, 2]))
        func changes(_ gate: NamespaceGate, group: String = "0", rules: [UInt8]? = [1, 2]) -> [NamespaceChange] {
            var actual = complete
            actual.interior = gateway { ($0.group, $0.gateRules) = (group, rules) }
            return NamespaceDiff.changes(from: actual, to: wanted, gate: gate)
        }
        #expect(changes(closed) == [] && changes(open, group: "4711") == [])
        #expect(changes(closed, group: "4711") == [.setGatewayGroup(isOpen: false)])
        #expect(changes(open, group: "7") == [.setGatewayGroup(isOpen: true)])
        #expect(changes(closed, rules: [1]) == [.loadGate] && changes(closed, rules: []) == [.loadGate])
        #expect(changes(NamespaceGate()) == [.loadGate], "rules that were not made by this process are not known")
        let absent = NamespaceActual(interior: .absent, veth: nil)
        let steps = NamespaceDiff.changes(from: absent, to: wanted, gate: open)
        let order = [.loadGate, .addVeth, .setGatewayGroup(isOpen: true), .raiseGateway]
            .map { steps.firstIndex(of: $0) }
        #expect(order == order.sorted { ($0 ?? -1) < ($1 ?? -1) } && !order.contains(nil), "\(steps)")
    }

    private func veth(
        mtu: Int = 1450,
        isUp: Bool = true,
        master: String? = "cobr100",
        mode: String = "none",
        stack: StackSettings = .closed,
        group: String = "4711"
    ) -> Link {
        Link(
            name: "cogw100",
            index: 7,
            mtu: mtu,
            isUp: isUp,
            master: master,
            kind: "veth",
            ipv6AddressMode: mode,
            stack: stack,
            tunnel: nil,
            group: group
        )
    }
}

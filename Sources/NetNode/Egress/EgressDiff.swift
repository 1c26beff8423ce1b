import ClusterModel

/// Finds the steps that bring a network's egress in the kernel to its wanted state; pure.
package enum EgressDiff {
    /// Finds the steps in their order.
    ///
    /// - Parameters:
    ///   - actual: the egress in the kernel.
    ///   - wanted: the wanted egress.
    ///   - bridge: the external bridge.
    ///   - gate: the state of the namespaces' own gates.
    /// - Returns: The steps; none means that nothing is wrong.
    package static func changes(
        from actual: EgressActual,
        to wanted: EgressWanted,
        over bridge: Link,
        gate: NamespaceGate = NamespaceGate()
    ) -> [EgressChange] {
        guard let veth = actual.veth, let inside = actual.inside, veth.isOtherEnd(of: inside.peer) else {
            return makingAnew(wanted, over: bridge, from: actual, gate)
        }
        let changes =
            self.changes(of: veth, over: bridge) + self.changes(of: inside, to: wanted, mtu: bridge.mtu)
            + (gate.isRight(inside.group) ? [] : [.setGroup(isOpen: gate.isOpen)]) + (veth.isUp ? [] : [.raiseVeth])
        // A neighbour outside may have an older entry of an address that is new here, or came up again.
        let isNew = changes.contains { change in
            switch change {
            case .plugVeth, .raiseVeth, .raise, .addAddress: true
            default: false
            }
        }
        return changes + (isNew ? [.sendGratuitousARP] : [])
    }

    /// The steps that remove what is there of a network's egress.
    package static func removal(of actual: EgressActual) -> [EgressChange] {
        var changes: [EgressChange] = actual.veth == nil ? [] : [.lowerVeth]
        var ends: [EgressChange] = actual.veth == nil ? [] : [.deleteVeth]
        if let inside = actual.inside {
            if !isOurs(inside, actual.veth) {
                changes.append(.lower)
                ends.insert(.deleteInside, at: 0)
            }
            changes.append(.stopForwarding)
            if inside.table != nil { changes.append(.deleteTable) }
            changes += inside.addresses.compactMap(address).map { .forgetConnections($0) }
        }
        // Last: as long as one is there, the removal is not done.
        return changes + ends
    }

    private static func isOurs(_ inside: EgressActual.Inside, _ veth: Link?) -> Bool {
        veth.map { $0.isOtherEnd(of: inside.peer) } ?? false
    }

    /// All steps, when the two devices are not the ends of one veth: one whose other end is elsewhere leads nowhere,
    /// and an `ext0` whose other end was renamed bypasses the gate, and has the name that the new one needs.
    private static func makingAnew(
        _ wanted: EgressWanted,
        over bridge: Link,
        from actual: EgressActual,
        _ gate: NamespaceGate
    ) -> [EgressChange] {
        var changes: [EgressChange] = []
        var forgotten: [IPv4Address] = []
        if let inside = actual.inside {
            changes.append(.deleteInside)
            forgotten = staleAddresses(inside, wanted).compactMap(address).sorted()
        }
        if actual.veth != nil { changes.append(.deleteVeth) }
        return changes + building(wanted, over: bridge, forgetting: forgotten, gate)
    }

    /// All steps: no packet passes before the rules are there, and no gratuitous ARP is sent before it forwards.
    private static func building(
        _ wanted: EgressWanted,
        over bridge: Link,
        forgetting forgotten: [IPv4Address],
        _ gate: NamespaceGate
    ) -> [EgressChange] {
        [.addVeth(mtu: bridge.mtu), .silenceVeth, .plugVeth, .closeVeth]
            + ordered(wanted.addresses, of: wanted).map { .addAddress($0) }
            + [.loadTable(without: [])] + forgotten.map { .forgetConnections($0) }
            + (gate.isOpen ? [.setGroup(isOpen: true)] : [])
            + [.startForwarding, .raise, .raiseVeth, .addDefaultRoute, .sendGratuitousARP]
    }

    private static func changes(of veth: Link, over bridge: Link) -> [EgressChange] {
        var changes: [EgressChange] = []
        if veth.group != String(GateTable.group) { changes.append(.setVethGroup) }
        if veth.mtu != bridge.mtu { changes.append(.setVethMTU(bridge.mtu)) }
        if let mode = veth.ipv6AddressMode, mode != "none" { changes.append(.silenceVeth) }
        if veth.master != bridge.name { changes.append(.plugVeth) }
        if veth.isOpenToHost { changes.append(.closeVeth) }
        return changes
    }

    private static func changes(
        of inside: EgressActual.Inside,
        to wanted: EgressWanted,
        mtu: Int
    ) -> [EgressChange] {
        var changes: [EgressChange] = []
        if inside.mac != wanted.mac.description { changes.append(.setMAC) }
        if inside.mtu != mtu { changes.append(.setMTU(mtu)) }
        let there = inside.addresses
        let stale = staleAddresses(inside, wanted)
        let staleAddresses = Set(stale.compactMap(address))
        if !stale.isEmpty {
            changes.append(.loadTable(without: staleAddresses))
            changes += staleAddresses.sorted().map { .forgetConnections($0) }
            changes += stale.map { .removeAddress($0) }
        }
        let missing = ordered(wanted.addresses.subtracting(Set(there).subtracting(stale)), of: wanted)
        changes += missing.map { .addAddress($0) }
        // What was loaded is whole already, unless it left out what is wanted.
        let isLoaded =
            stale.isEmpty
            ? inside.table.map(EgressTable(wanted).isShown) ?? false
            : staleAddresses.isDisjoint(with: wanted.floats.keys)
        if !isLoaded { changes.append(.loadTable(without: [])) }
        if inside.settings != EgressSettings.all.map(\.value) { changes.append(.startForwarding) }
        if !inside.isUp { changes.append(.raise) }
        return changes + routes(inside, to: wanted, areGone: !inside.isUp || !stale.isEmpty || !missing.isEmpty)
    }

    /// The addresses to remove.
    ///
    /// One that leads to another guest than before is removed and added again: while it is there, the kernel does not
    /// forget connections to the former guest.
    private static func staleAddresses(_ inside: EgressActual.Inside, _ wanted: EgressWanted) -> [String] {
        let before = EgressTable.floats(in: inside.table ?? [])
        let moved = Set(
            before.filter { float in wanted.floats[float.key].map { $0 != float.value } ?? false }.map(\.key)
        )
        return inside.addresses.filter { text in
            !wanted.addresses.contains(text) || address(text).map(moved.contains) ?? true
        }
    }

    /// The steps for its routes; where `areGone`, earlier steps may have removed some.
    private static func routes(
        _ inside: EgressActual.Inside,
        to wanted: EgressWanted,
        areGone: Bool
    ) -> [EgressChange] {
        let segment = EgressActual.Route(dst: "\(wanted.external)", dev: EgressChange.device)
        let out = EgressActual.Route(dst: "default", gateway: "\(wanted.gateway)", dev: EgressChange.device)
        let strange = inside.routes.filter { $0 != segment && $0 != out }
        var changes: [EgressChange] = strange.map { route in
            .removeRoute(
                route.dst + (route.gateway.map { " via \($0)" } ?? "") + (route.dev.map { " dev \($0)" } ?? "")
            )
        }
        if areGone || !inside.routes.contains(segment) { changes.append(.addSegmentRoute) }
        if areGone || !strange.isEmpty || !inside.routes.contains(out) { changes.append(.addDefaultRoute) }
        return changes
    }

    /// The network's own address first: the namespace itself sends from the first address.
    private static func ordered(_ addresses: Set<String>, of wanted: EgressWanted) -> [String] {
        let own = "\(wanted.address)/\(wanted.external.prefixLength)"
        return addresses.sorted { ($0 == own ? 0 : 1, $0) < ($1 == own ? 0 : 1, $1) }
    }

    private static func address(_ text: String) -> IPv4Address? {
        text.split(separator: "/").first.flatMap { try? IPv4Address(String($0)) }
    }
}

import ClusterModel
import ClusterOpsTestKit
import Foundation
import Testing

@testable import NetNode

extension NamespaceTests {
    /// What looks compare the kernel with, while ways out are changed and after.
    @Suite struct EgressNotesTests {
        private struct NoDatabase: Error {}

        private func survey(_ world: EgressWorld, _ networks: Int) async throws -> HostSurvey {
            try await HostSurvey.take(
                in: world.node.namespacePath,
                names: try (0..<networks).map(world.inside),
                withEntries: false
            )
        }

        @Test func `what a pass has done before its database went away is what is restored`() async throws {
            // One more than a turn has.
            let count = 5
            try await withEgress(networks: count) { world in
                func wanted(_ guest: Int) throws -> [EgressWanted] {
                    try (0..<count).map { index in
                        let float = "203.0.113.\(50 + index)"
                        return try world.wanted(index, floats: [float: guest], own: "203.0.113.\(100 + index)")
                    }
                }
                let (old, new) = (try wanted(12), try wanted(13))
                try await world.pass(old)
                let reads = Locked(0)
                await #expect(throws: NoDatabase.self) {
                    try await world.egress.pass {
                        reads.update { $0 += 1 }
                        // The look, and the first turn.
                        guard reads.value <= 2 else { throw NoDatabase() }
                        return .init(.init(new))
                    }
                }
                #expect(world.egress.broken(in: try await survey(world, count)) == [])
                func changed() async throws -> [Int] {
                    var changed: [Int] = []
                    for index in 0..<count {
                        let rules = try await world.underlay.run("nft list ruleset", in: "\(try world.inside(index))")
                        if rules.contains("10.9.0.13") { changed.append(index) }
                    }
                    return changed
                }
                let done = try await changed()
                #expect(done.count == count - 1)
                try await world.egress.restore(Set(new.map(\.vni)))
                #expect(try await changed() == done)
            }
        }

        /// What a pass of one network does while a pass of all is between its look at it and its end.
        enum Meanwhile: CaseIterable {
            case gotFloat, gotNAT, lostNAT
        }

        @Test(arguments: Meanwhile.allCases)
        func `a pass that began earlier takes back nothing of what a newer one has noted`(
            meanwhile: Meanwhile
        ) async throws {
            try await withEgress { world in
                let (first, second) = (try world.wanted(0), try world.wanted(1))
                let before = meanwhile == .gotNAT ? [second] : [first, second]
                try await world.pass(before)
                let (isLooking, mayGoOn) = (Locked(false), Locked(false))
                let (own, path) = (try world.inside(0).path, try world.inside(1).path)
                world.commands.update { $0 = [] }
                world.delay.update {
                    $0 = { command in
                        guard command.program == .nft, command.namespace == path else { return }
                        isLooking.update { $0 = true }
                        try await eventually("the look may go on") { mayGoOn.value }
                    }
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await world.pass(before) }
                    // The first's look: the last that it asks for is the rules.
                    try await eventually("it has looked at the first") {
                        isLooking.value
                            && (meanwhile == .gotNAT
                                || world.commands.value.last { $0.namespace == own }?.program == .nft)
                    }
                    let newer: [EgressWanted] =
                        switch meanwhile {
                        case .gotFloat: [try world.wanted(0, floats: [EgressWorld.floats[0]: 12])]
                        case .gotNAT: [first]
                        case .lostNAT: []
                        }
                    let pass = try await world.egress.pass { .init(only: [first.vni], .init(newer)) }
                    #expect(pass.changed == 1 && pass.failures.isEmpty)
                    mayGoOn.update { $0 = true }
                    try await group.waitForAll()
                }
                #expect(world.egress.broken(in: try await survey(world, 2)) == [])
                try await world.underlay.run("nft flush ruleset", in: "\(try world.inside(0))")
                let broken = world.egress.broken(in: try await survey(world, 2))
                #expect(broken == (meanwhile == .lostNAT ? [] : [first.vni]))
            }
        }

        @Test func `what a pass has in hand is not broken, nor what a look saw from the middle of it`() async throws {
            try await withEgress { world in
                try await world.pass(try world.both())
                let (seen, moment) = (Locked<HostSurvey?>(nil), Locked<EgressReconciler.Moment?>(nil))
                let inHand = Locked<Set<VNI>?>(nil)
                world.delay.update {
                    $0 = { command in
                        // The floats are on the way out, the new rules are not there yet.
                        guard command.program == .conntrack, seen.value == nil else { return }
                        let now = world.egress.now
                        let look = try await survey(world, 2)
                        moment.update { $0 = now }
                        seen.update { $0 = look }
                        inHand.update { $0 = world.egress.broken(in: look, since: now) }
                    }
                }
                try await world.pass([try world.wanted(0, floats: [EgressWorld.floats[0]: 13]), try world.both()[1]])
                let (look, begun) = (try #require(seen.value), try #require(moment.value))
                #expect(inHand.value == [])
                #expect(world.egress.broken(in: look, since: begun) == [])
                // It is the moment that tells.
                #expect(world.egress.broken(in: look) == [try world.vni(0)])
                #expect(world.egress.broken(in: try await survey(world, 2)) == [])
            }
        }

        @Test func `a first pass that has nothing to do knows the ways out too, and forgets what is gone`()
            async throws
        {
            try await withEgress { world in
                let wanted = try world.both()
                try await world.pass(wanted)
                let other = EgressReconciler(
                    namespaces: world.namespaces,
                    bridge: try LinkName("xbr"),
                    logger: .silent
                )
                #expect(try await other.pass { .init(.init(wanted)) }.changed == 0)
                try await world.underlay.run("ip link del dev coex100", in: world.node.namespace)
                #expect(other.broken(in: try await survey(world, 2)) == [wanted[0].vni])
                // Nothing is left to take away, so that no turn is needed.
                #expect(try await world.namespaces.delete(wanted[0].vni) { false })
                #expect(try await other.pass { .init(.init([wanted[1]])) }.changed == 0)
                #expect(other.broken(in: try await survey(world, 2)) == [])
            }
        }

        @Test func `without its bridge a pass takes no turn for what it cannot make, and a look misses it later`()
            async throws
        {
            try await withEgress { world in
                let wanted = try world.both()
                try await world.pass([wanted[1]])
                try await world.underlay.run("ip link set dev xbr name away", in: world.node.namespace)
                let reads = Locked(0)
                func pass(_ wanted: [EgressWanted]) async throws -> EgressReconciler.Pass {
                    reads.update { $0 = 0 }
                    return try await world.egress.pass {
                        reads.update { $0 += 1 }
                        return .init(.init(wanted))
                    }
                }
                let failed = try await pass(wanted)
                #expect(Set(failed.failures.keys) == Set(wanted.map(\.vni)) && failed.wanted.count == 2)
                #expect(reads.value == 1, "a turn reads again")
                #expect(world.egress.broken(in: try await survey(world, 2)) == [])
                // What is not wanted any more goes all the same.
                let taken = try await pass([wanted[0]])
                #expect(taken.changed == 1 && Set(taken.failures.keys) == [wanted[0].vni])
                let links = try await world.underlay.run("ip -o link show", in: world.node.namespace)
                #expect(!links.contains("coex"), "\(links)")
                try await world.underlay.run("ip link set dev away name xbr", in: world.node.namespace)
                #expect(world.egress.broken(in: try await survey(world, 2)) == [wanted[0].vni])
                #expect(try await pass([wanted[0]]).changed == 1)
            }
        }

        @Test func `an address that was made before a later step failed is announced by the pass that gets there`()
            async throws
        {
            struct NoRules: Error {}
            try await withEgress(networks: 1) { world in
                try await world.pass([try world.wanted(0)])
                let wanted = try world.wanted(0, floats: [EgressWorld.floats[0]: 12])
                func announcements() -> Int {
                    let line = ["link", "set", "dev", "ext0", "address", "\(wanted.mac)"]
                    return world.commands.value.count { $0.arguments == line }
                }
                let before = announcements()
                world.delay.update {
                    $0 = { command in if command.program == .nft, command.input != nil { throw NoRules() } }
                }
                let failed = try await world.egress.pass { .init(.init([wanted])) }
                #expect(failed.failures[wanted.vni] is NoRules)
                let inside = "\(try world.inside(0))"
                let addresses = try await world.underlay.run("ip -o -4 addr show dev ext0", in: inside)
                #expect(addresses.contains(EgressWorld.floats[0]) && announcements() == before)
                world.delay.update { $0 = nil }
                try await world.pass([wanted])
                #expect(announcements() == before + 1)
                try await world.pass([wanted])
                #expect(announcements() == before + 1)
            }
        }
    }
}

import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterModel
@testable import ClusterReports
@testable import DatabaseTime

/// What holds for the deciding values whatever they are given; a failure names its seed.
@Suite struct PropertyTests {
    private static func seeds(_ count: Int) -> [UInt64] { (0..<count).map { _ in .random(in: .min ... .max) } }

    // MARK: Claim policy

    @Test(arguments: seeds(200))
    func `the policy takes everything it may once, in order, and old work of other queues every fourth time`(
        seed: UInt64
    ) throws {
        var random = SeededGenerator(seed: seed)
        let queues = try ["any-user_waiting", "any-user_facing", "any-background"].map { try QueueName($0) }
        let now = Timestamp(microseconds: 1_000_000_000)
        let bound = 60
        let candidates = queues.flatMap { queue in
            (0..<Int.random(in: 0...12, using: &random)).map { _ in
                ClaimCandidate(
                    id: .new(),
                    queue: queue,
                    readyAt: Timestamp(
                        microseconds: now.microseconds - Int64.random(in: 0...120, using: &random) * 1_000_000
                    ),
                    exclusiveKey: ["one", "two", "three", nil, nil].randomElement(using: &random) ?? nil,
                    tasks: [BuiltInTask.noop.name]
                )
            }.sorted { ($0.readyAt, $0.id) < ($1.readyAt, $1.id) }
        }
        let isOld = { (candidate: ClaimCandidate) in
            now.seconds(since: candidate.readyAt) > Double(bound)
        }
        let choices = ClaimPolicy(stalenessBound: .seconds(bound)).order(candidates, now: now)

        #expect(Set(choices.map(\.candidate.id)).count == choices.count)
        let targets = choices.compactMap(\.candidate.exclusiveKey)
        #expect(Set(targets).count == targets.count, "one of each target")
        #expect(Set(targets) == Set(candidates.compactMap(\.exclusiveKey)), "a target is not forgotten")
        let free = candidates.filter { $0.exclusiveKey == nil }.map(\.id)
        #expect(Set(free).isSubset(of: choices.map(\.candidate.id)), "nothing free is left out")
        let place = Dictionary(uniqueKeysWithValues: candidates.enumerated().map { ($1.id, $0) })
        let strict = choices.filter { !$0.isReserved }.compactMap { place[$0.candidate.id] }
        #expect(strict == strict.sorted(), "the order of the queues")
        #expect(choices.filter(\.isReserved).allSatisfy { isOld($0.candidate) })
        // From the third other pick on it is the turn of old work that strict order passes over, if some could be
        // taken.
        var sinceReserved = 0
        for (index, choice) in choices.enumerated() {
            if choice.isReserved {
                sinceReserved = 0
                continue
            }
            sinceReserved += 1
            guard sinceReserved >= ClaimPolicy.reservedInterval else { continue }
            let before = choices[..<index].map(\.candidate)
            let held = Set(before.compactMap(\.exclusiveKey))
            let left = candidates.filter { candidate in
                isOld(candidate) && candidate.queue != choice.candidate.queue && !before.contains(candidate)
                    && !(candidate.exclusiveKey.map(held.contains) ?? false)
            }
            #expect(left.isEmpty, "\(left.count) waited for longer than they may")
        }
    }

    // MARK: Back-off

    @Test(arguments: seeds(100))
    func `a pause lies between half of its bound and all of it, and the bound grows to its limit`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for backoff in [Backoff.retry, .deferral] {
            var bound = Duration.zero
            for count in 0...80 {
                let (shortest, longest) = (
                    backoff.pause(after: count, random: 0), backoff.pause(after: count, random: 1)
                )
                #expect(shortest * 2 == longest && shortest > .zero)
                #expect(longest >= bound && longest <= backoff.longest, "count \(count)")
                bound = longest
                let pause = backoff.pause(after: count, random: .random(in: 0...1, using: &random))
                #expect(pause >= shortest && pause <= longest)
            }
            #expect(bound == backoff.longest)
            #expect(backoff.pause(after: .max, random: 1) == backoff.longest, "no overflow")
        }
    }

    // MARK: Leases

    /// One worker and one reaper on one line of time, with messages that take their time or are lost.
    @Test(arguments: seeds(50))
    func `no session is marked dead before its worker has stopped`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<100 { outlive(&random) }
    }

    private func outlive(_ random: inout SeededGenerator) {
        let start = ContinuousClock.now
        let timing = SessionLease.Timing(lease: .seconds(10), renew: .seconds(2))
        let session = SessionID.new()
        func later(_ milliseconds: Int) -> ContinuousClock.Instant { start + .milliseconds(milliseconds) }

        // The worker: what it sends reaches the database later, and its answer comes later still, or never.
        var lease = SessionLease(timing, sentAt: later(0))
        var landings: [(at: Int, renewals: UInt64)] = [(Int.random(in: 0...500, using: &random), 0)]
        var clock = landings[0].at + Int.random(in: 0...500, using: &random)
        var renewals: UInt64 = 0
        // Slow both ways, or slow on one side only.
        let longestWay = [100, 3000].randomElement(using: &random) ?? 0
        let dies = Int.random(in: 3000...40_000, using: &random)
        while clock < dies, !lease.isOver(at: later(clock)) {
            let sent = clock
            let landed = sent + Int.random(in: 0...longestWay, using: &random)
            let answered = landed + Int.random(in: 0...3000, using: &random)
            let isLost = Int.random(in: 0..<4, using: &random) == 0
            let arrives = !isLost || Bool.random(using: &random)
            // A worker stops at its fence, also while an answer is out.
            if arrives {
                renewals += 1
                landings.append((landed, renewals))
            }
            guard !lease.isOver(at: later(answered)) else { break }
            if !isLost { lease.renewed(sentAt: later(sent)) }
            clock = answered + Int(lease.pause(afterFailure: isLost, at: later(answered)) / .milliseconds(1)) + 1
        }

        // The reaper: each look sees the database as it was at some moment between question and answer.
        var watch = ReaperWatch()
        var asked = Int.random(in: 0...3000, using: &random)
        while asked < 200_000 {
            let seenAt = asked + Int.random(in: 0...6000, using: &random)
            let answered = seenAt + Int.random(in: 0...500, using: &random)
            let seen = landings.filter { $0.at <= seenAt }.map(\.renewals).max()
            let sightings = seen.map {
                [ReaperWatch.Sighting(session: session, renewals: $0, lease: timing.leaseDuration)]
            }
            let window = ReaperWatch.Window(following: sightings ?? [])
            let dead = watch.observe(window, askedAt: later(asked), answeredAt: later(answered))
            let marks = answered + Int.random(in: 0...100, using: &random)
            let current = landings.filter { $0.at <= marks }.map(\.renewals).max()
            // The mark names the counter: a renewal in between saves the session.
            if !dead.isEmpty, current == seen {
                #expect(lease.isOver(at: later(marks)), "marked at \(marks) ms, the worker stops at \(lease.deadline)")
                return
            }
            asked = answered + Int.random(in: 10...1000, using: &random)
        }
        Issue.record("a session that is not renewed any more is marked dead in the end")
    }

    // MARK: Coalescing

    @Test(arguments: seeds(300))
    func `only plain work has an identity, and equal identities are the same work`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let world = try PlanWorld(random: &random)
        let (first, second) = (try world.plan(&random), try world.plan(&random))
        for (plan, request) in [first, second] {
            let isPlain =
                Set(request.tasks).count == 1 && request.parameters == nil && request.dependsOn.isEmpty
                && request.runsAfter.isEmpty && request.delay == .zero && request.deadline == nil
                && world.isCoalescible(request.tasks[0])
            #expect((plan.coalesceKey != nil) == isPlain)
            // What is adopted must have an identity, be nobody's own id, and not have been refused.
            #expect((plan.dedupRefusal == nil) == (isPlain && request.id == nil && request.allowsDedup))
            #expect((plan.coalesceKey?.description.utf8.count ?? 0) <= CoalescingKey.longest)
        }
        if let key = first.plan.coalesceKey, key == second.plan.coalesceKey {
            #expect(first.plan.tasks[0] == second.plan.tasks[0])
            #expect(first.plan.target.network?.id == second.plan.target.network?.id)
            #expect(first.plan.exclusiveKey == second.plan.exclusiveKey, "two that fold exclude each other")
            if first.plan.kind != .network {
                #expect(first.plan.target.node?.id == second.plan.target.node?.id)
            }
        }
    }
}

/// Requests of every shape, over few tasks and targets so that identities meet.
private struct PlanWorld {
    private let definitions: [TaskName: TaskDefinition]
    private let networks: [(id: NetworkID, name: NetworkName)]
    private let nodes: [(id: NodeID, name: NodeName)]
    private let interfaces = [InterfaceID.new(), .new()]

    init(random: inout SeededGenerator) throws {
        let commands = try [("flush", true), ("reboot", false)].map { name, isCoalescible in
            TaskDefinition(
                name: try TaskName(name),
                kind: .command,
                isCoalescible: isCoalescible,
                maximumAttempts: 3,
                timeout: .seconds(60)
            )
        }
        let all = BuiltInTask.allCases.map(\.definition) + commands
        definitions = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
        networks = try ["blue", "red"].map { (.new(), try NetworkName($0)) }
        nodes = try ["h1", "h2"].map { (.new(), try NodeName($0)) }
    }

    func isCoalescible(_ task: TaskName) -> Bool { definitions[task]?.isCoalescible ?? false }

    func plan(_ random: inout SeededGenerator) throws -> (plan: OperationPlan, request: OperationRequest) {
        let kind = TaskKind.allCases.randomElement(using: &random) ?? .command
        let fitting = definitions.values.filter { $0.kind == kind }.map(\.name).sorted()
        let count = [1, 1, 1, 2, 3].randomElement(using: &random) ?? 1
        func chance(_ random: inout SeededGenerator) -> Bool { Int.random(in: 0..<8, using: &random) == 0 }
        let needsNetwork = kind != .command || Bool.random(using: &random)
        let needsNode = kind == .nodeNetwork || (kind == .command && Bool.random(using: &random))
        let target = OperationPlan.ResolvedTarget(
            network: needsNetwork ? networks.randomElement(using: &random) : nil,
            node: needsNode ? nodes.randomElement(using: &random) : nil,
            interface: kind == .command && chance(&random) ? interfaces.randomElement(using: &random) : nil
        )
        let request = OperationRequest(
            tasks: (0..<count).compactMap { _ in fitting.randomElement(using: &random) },
            target: .init(network: target.network?.name, node: target.node?.name, interface: target.interface),
            lane: Lane.allCases.randomElement(using: &random) ?? .default,
            id: chance(&random) ? .new() : nil,
            parameters: chance(&random) ? "{}" : nil,
            dependsOn: chance(&random) ? [.new()] : [],
            runsAfter: chance(&random) ? [.new()] : [],
            delay: chance(&random) ? .seconds(1) : .zero,
            deadline: chance(&random) ? .seconds(100) : nil,
            allowsDedup: !chance(&random)
        )
        return (try OperationPlan(request, definitions: definitions, target: target), request)
    }
}

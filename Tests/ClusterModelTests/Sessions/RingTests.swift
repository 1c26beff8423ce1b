import ClusterOpsTestKit
import Testing

@testable import ClusterModel

/// Each session watches the few that follow it, and every death is noticed all the same.
///
/// One at a time, because each keeps a thread busy for seconds, and there are as few threads as processors.
@Suite(.serialized) struct RingTests {
    private static func seeds(_ count: Int) -> [UInt64] { (0..<count).map { _ in .random(in: .min ... .max) } }

    /// By which looks come later than their interval says.
    private static let slack = 3 * RingSimulation.jitter

    @Test(arguments: seeds(20))
    func `a lone death is noticed within the lease and one renewal`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var ring = RingSimulation(sessions: .random(in: 2...200, using: &random), seed: seed)
        ring.pass(milliseconds: 20_000)
        for _ in 0..<5 where ring.ring.count > 1 {
            let dead = ring.run(of: 1)
            let killedAt = ring.now
            ring.kill(dead)
            ring.pass(milliseconds: 20_000 + .random(in: 0...2000, using: &random))
            let time = ring.noticed[dead[0]].map { $0 - killedAt } ?? .max
            #expect(time <= RingSimulation.lease + RingSimulation.renew + Self.slack)
        }
        #expect(ring.wronged.isEmpty)
    }

    /// In the first ring, of 66 sessions, the watcher of the run has three close neighbours, and once rested for it.
    @Test(arguments: [11_434_446_353_270_025_841] + seeds(10), [2, 3, 4, 7, 12])
    func `a run of deaths at once is noticed within the lease and two renewals`(seed: UInt64, deaths: Int) {
        var random = SeededGenerator(seed: seed)
        var ring = RingSimulation(sessions: .random(in: deaths + 1...150, using: &random), seed: seed)
        ring.pass(milliseconds: 20_000)
        let (dead, killedAt) = (ring.run(of: deaths), ring.now)
        ring.kill(dead)
        ring.pass(milliseconds: 30_000)
        for id in dead {
            let time = ring.noticed[id].map { $0 - killedAt } ?? .max
            #expect(time <= RingSimulation.lease + 2 * RingSimulation.renew + Self.slack)
        }
        #expect(ring.wronged.isEmpty)
    }

    @Test(arguments: zip(seeds(5), [20, 200, 1100, 1100, 1100]))
    func `all deaths but one at once are noticed by the one that is left`(seed: UInt64, sessions: Int) {
        var ring = RingSimulation(sessions: sessions, seed: seed)
        ring.pass(milliseconds: 6000)
        let (dead, killedAt) = (ring.run(of: sessions - 1), ring.now)
        ring.kill(dead)
        // Each renewal widens the reading; beyond the widest it takes another lease.
        ring.pass(milliseconds: 60_000)
        #expect(ring.ring.count == 1)
        let last = dead.map { (ring.noticed[$0] ?? .max) - killedAt }.max() ?? .max
        let leases = sessions > RingReading.widest ? 2 : 1
        #expect(last <= leases * (RingSimulation.lease + 7 * RingSimulation.renew))
        #expect(ring.wronged.isEmpty && ring.widest <= RingReading.widest)
        // Not for ever: the next look of the one that is left is a narrow one.
        ring.forgetCosts()
        ring.pass(milliseconds: 4 * RingSimulation.renew)
        #expect(ring.looks <= 4 && ring.rows == 0)
    }

    @Test(arguments: seeds(20))
    func `in any disorder the dead are noticed and those that renew are not`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var ring = RingSimulation(sessions: .random(in: 3...120, using: &random), seed: seed)
        var killed: Set<SessionID> = []
        for _ in 0..<60 {
            switch Int.random(in: 0..<8, using: &random) {
            case 0, 1: ring.join()
            case 2: if let id = ring.someone(), ring.ring.count > 2 { ring.leave(id) }
            case 3:
                // A pause longer than the lease costs the session, and only that one.
                if let id = ring.someone() { ring.pause(id, for: .random(in: 0...15_000, using: &random)) }
            case 4:
                let dead = ring.run(of: .random(in: 1...max(1, ring.ring.count / 2), using: &random))
                ring.kill(dead)
                killed.formUnion(dead)
            default: break
            }
            ring.pass(milliseconds: .random(in: 0...3000, using: &random))
        }
        // Somebody has to be left.
        ring.join()
        ring.pass(milliseconds: 90_000)
        #expect(ring.wronged.isEmpty)
        #expect(killed.isDisjoint(with: ring.ring))
    }

    @Test(arguments: [(100, 3...4), (200, 3...8), (4000, 23...24), (8000, 23...24)])
    func `a look reads as many rows where all live, however many there are`(sessions: Int, width: ClosedRange<Double>) {
        var ring = RingSimulation(sessions: sessions, seed: .random(in: .min ... .max))
        ring.pass(milliseconds: 20_000)
        ring.forgetCosts()
        let intervals = 8.0
        ring.pass(milliseconds: Int(intervals) * RingSimulation.renew + 500)
        let looks = Double(ring.looks) / Double(sessions)
        // Once in thousands of looks three neighbours happen to be late together; and where there are some hundred,
        // some stand so close that three look like those of thousands, until 24 have been read.
        #expect(width ~= Double(ring.rows) / Double(ring.looks), "\(ring.rows) rows, \(ring.looks) looks")
        if sessions >= 4000 {
            // At rest all renew in every second interval, and look in every fourth.
            #expect(looks < intervals / 4 * 1.3 && Double(ring.renewals) < Double(sessions) * intervals / 2 * 1.3)
        } else {
            #expect(looks >= intervals - 1)
        }
        #expect(ring.wronged.isEmpty)
    }

    @Test(arguments: zip(seeds(4), [600, 600, 1500, 3000]))
    func `at rest in a large ring deaths are noticed within the lease and one renewal`(seed: UInt64, sessions: Int) {
        var ring = RingSimulation(sessions: sessions, seed: seed)
        ring.pass(milliseconds: 20_000)
        // At rest it takes up to seven intervals, each of which may be late.
        let limit = RingSimulation.lease + 2 * RingSimulation.renew + 7 * RingSimulation.jitter
        var late = 0
        for _ in 0..<10 {
            let (dead, killedAt) = ((0..<20).compactMap { _ in ring.someone() }, ring.now)
            ring.kill(dead)
            // They are seen to be dead while others die.
            ring.pass(milliseconds: limit)
            for id in Set(dead) {
                let time = ring.noticed[id].map { $0 - killedAt } ?? .max
                #expect(time <= limit)
                if time > RingSimulation.lease + RingSimulation.renew + Self.slack { late += 1 }
            }
        }
        // One in 20,000 would be.
        #expect(late <= 2 && ring.wronged.isEmpty, "\(late)")
    }

    @Test(arguments: zip(seeds(4), [5, 16, 300, 4000]))
    func `some look for what concerns the cluster in each interval, and not all where there are many`(
        seed: UInt64,
        sessions: Int
    ) {
        var random = SeededGenerator(seed: seed)
        let ids = (0..<sessions).map { _ in SessionID.random() }.sorted { $0.place < $1.place }
        var turns = ids.map { _ in ClusterLook(phase: .random(in: 0..<1, using: &random)) }
        let parts = ids.indices.map { index in
            var watch = ReaperWatch()
            let following = (1...3).map { ids[(index + $0) % sessions] }.map {
                ReaperWatch.Sighting(session: $0, renewals: 0, lease: .seconds(10))
            }
            _ = watch.observe(.init(following: following), askedAt: .now, answeredAt: .now)
            return watch.part(of: ids[index])
        }
        #expect(abs(parts.reduce(0, +) - 1) < 0.01, "together they have all of the ring")
        let interval = (0..<30).map { _ in
            ids.indices.count { turns[$0].takesTurn(ofPart: parts[$0]) }
        }
        let expected = ClusterLook.lookers + Double(sessions) * ClusterLook.leastShare
        #expect(interval.allSatisfy { $0 > 0 }, "\(interval)")
        #expect(Double(interval.reduce(0, +)) / 30 <= expected * 1.3, "\(interval)")
    }

    @Test func `a narrow reading that was asked for too early costs nothing of what a wide one has seen`() {
        var watch = ReaperWatch()
        let (start, ids) = (ContinuousClock.now, (0..<12).map { _ in SessionID.random() })
        func read(_ width: Int, at seconds: Int) -> [SessionID] {
            var reading = RingReading()
            reading.width = width
            let sightings = ids.prefix(width).map {
                ReaperWatch.Sighting(session: $0, renewals: 1, lease: .seconds(10))
            }
            let time = start + .seconds(seconds)
            return watch.observe(.init(reading, following: sightings), askedAt: time, answeredAt: time)
        }
        #expect(read(3, at: 0).isEmpty && !watch.readsOn)
        #expect(read(3, at: 2).isEmpty && watch.readsOn && watch.reading.width == 12)
        #expect(read(12, at: 2).isEmpty && !watch.readsOn)
        #expect(read(3, at: 3).isEmpty && watch.readsOn && watch.reading.width == 12)
        #expect(read(12, at: 11) == Array(ids.prefix(3)))
        #expect(read(12, at: 12) == ids)
    }

    @Test func `the widths of readings grow up to the widest`() {
        #expect(
            [0, 2, 3, 11, 12, 48, 192, 767, 768, 5000].map(RingReading.width) == [
                3, 3, 12, 12, 48, 192, 768, 768, 1024, 1024,
            ]
        )
    }
}

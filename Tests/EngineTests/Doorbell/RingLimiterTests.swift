import ClusterOpsTestKit
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import DatabaseTime

@Suite struct RingLimiterTests {
    private let start = ContinuousClock.now

    @Test func `a burst is let through at once, and what follows is owed until the bucket has refilled`() {
        var limiter = RingLimiter(burst: 3, perSecond: 100)
        for _ in 0..<3 { #expect(limiter.ring(at: start) == .wake) }
        #expect(limiter.ring(at: start) == .wakeLater(at: start + .milliseconds(10)))
        #expect(limiter.ring(at: start) == .covered)
        #expect(limiter.ring(at: start + .milliseconds(9)) == .covered)
        #expect(limiter.due(at: start + .milliseconds(10)) == .wake)
        #expect(limiter.ring(at: start + .milliseconds(10)) == .wakeLater(at: start + .milliseconds(20)))
    }

    @Test func `a timer that fires early is sent back`() {
        var limiter = RingLimiter(burst: 1, perSecond: 100)
        #expect(limiter.ring(at: start) == .wake)
        #expect(limiter.ring(at: start) == .wakeLater(at: start + .milliseconds(10)))
        #expect(limiter.due(at: start + .milliseconds(9)) == .wakeLater(at: start + .milliseconds(10)))
        #expect(limiter.due(at: start + .milliseconds(10)) == .wake)
    }

    @Test func `after silence the whole burst is there again, and no more`() {
        var limiter = RingLimiter(burst: 3, perSecond: 100)
        for _ in 0..<3 { _ = limiter.ring(at: start) }
        let later = start + .seconds(3600)
        for _ in 0..<3 { #expect(limiter.ring(at: later) == .wake) }
        #expect(limiter.ring(at: later) == .wakeLater(at: later + .milliseconds(10)))
    }

    @Test func `a flood of 10,000 rings causes a bounded number of wakes, and the last ring is not lost`() {
        var limiter = RingLimiter()
        var wakes: [Duration] = []
        var due: ContinuousClock.Instant?
        func note(_ decision: RingLimiter.Decision, at now: ContinuousClock.Instant) {
            switch decision {
            case .wake: wakes.append(start.duration(to: now))
            case .wakeLater(let instant): due = instant
            case .covered: break
            }
        }
        let flood = Duration.milliseconds(1000)
        var now = start
        for ring in 0..<10_000 {
            now = start + flood * ring / 10_000
            if let instant = due, instant <= now {
                due = nil
                note(limiter.due(at: instant), at: instant)
            }
            note(limiter.ring(at: now), at: now)
        }
        let bound = RingLimiter.usualBurst + RingLimiter.usualRate
        #expect((bound - 1...bound).contains(wakes.count))
        let owed = due
        #expect(owed.map { $0 > now && $0 <= now + .milliseconds(5) } == true)
        if let owed { #expect(limiter.due(at: owed) == .wake) }
    }

    @Test(arguments: 0..<20) func `in no window of time are there more wakes than burst and rate allow`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let burst = Int.random(in: 1...30, using: &generator)
        let rate = Int.random(in: 1...1000, using: &generator)
        var limiter = RingLimiter(burst: burst, perSecond: rate)
        var wakes: [ContinuousClock.Instant] = []
        var due: ContinuousClock.Instant?
        var now = start
        for _ in 0..<2000 {
            now += .microseconds(Int.random(in: 0...3_000_000 / rate, using: &generator))
            let decision: RingLimiter.Decision
            if let instant = due, instant <= now {
                due = nil
                decision = limiter.due(at: now)
            } else {
                decision = limiter.ring(at: now)
            }
            if decision == .wake { wakes.append(now) }
            if case .wakeLater(let instant) = decision { due = instant }
        }
        #expect(wakes.count > burst, "seed \(seed)")
        for first in wakes.indices {
            for last in first..<min(wakes.count, first + 3 * burst) {
                let window = wakes[first].duration(to: wakes[last])
                // n wakes need the time of n - burst intervals.
                let needed = Duration.seconds(1) / rate * (last - first + 1 - burst)
                #expect(window >= needed, "seed \(seed), wakes \(first) to \(last)")
            }
        }
    }
}

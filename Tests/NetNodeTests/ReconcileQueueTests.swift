import NetNode
import Testing

@Suite struct ReconcileQueueTests {
    private let start = ContinuousClock.now

    private func taken(_ queue: inout ReconcileQueue<String>, after time: Duration = .zero) -> [String] {
        queue.take(at: start + time).map(\.key)
    }

    @Test func `a key is processed by one run at a time`() {
        var queue = ReconcileQueue<String>()
        queue.add("a", .repair)
        #expect(queue.isDue("a") && queue.processing == [])
        #expect(taken(&queue) == ["a"])
        #expect(!queue.isDue("a") && queue.processing == ["a"])
        queue.add("a", .takeover)
        #expect(taken(&queue) == [] && queue.isDue("a") && queue.processing == ["a"])
        queue.done("a", failed: false, at: start)
        #expect(queue.processing == [])
    }

    @Test func `a key that is added while it is processed is processed once more`() {
        var queue = ReconcileQueue<String>()
        queue.add("a", .operation)
        #expect(taken(&queue) == ["a"])
        for _ in 1...3 { queue.add("a", .operation) }
        queue.done("a", failed: false, at: start)
        #expect(taken(&queue) == ["a"])
        queue.done("a", failed: false, at: start)
        #expect(taken(&queue) == [])
    }

    @Test func `many adds before a run cost one run, of the best priority among them`() {
        var queue = ReconcileQueue<String>()
        for priority: ReconcileQueue<String>.Priority in [.background, .takeover, .repair] { queue.add("a", priority) }
        #expect(queue.take(at: start).map(\.priority) == [.takeover])
        queue.done("a", failed: false, at: start)
        #expect(taken(&queue) == [])
    }

    @Test func `an add is answered by a run that began after it`() {
        var queue = ReconcileQueue<String>()
        let first = queue.add("a", .operation)
        #expect(!queue.isAnswered(first, by: "a"))
        _ = taken(&queue)
        #expect(queue.isAnswered(first, by: "a"))
        let second = queue.add("a", .operation)
        #expect(!queue.isAnswered(second, by: "a"), "the run that is under way has read before")
        queue.done("a", failed: false, at: start)
        _ = taken(&queue)
        #expect(queue.isAnswered(second, by: "a"))
    }

    @Test func `the best priority comes first, then the oldest, and what is not welcome stays`() {
        var queue = ReconcileQueue<String>()
        queue.add("slow", .background)
        queue.add("broken", .repair)
        queue.add("asked", .operation)
        queue.add("asked too", .operation)
        queue.add("elected", .takeover)
        queue.add("slow", .background)
        #expect(queue.take(at: start) { $0 != "elected" }.map(\.key) == ["asked", "asked too", "broken", "slow"])
        #expect(taken(&queue) == ["elected"])
    }

    @Test(arguments: [false, true])
    func `a key that fails is processed again by itself, later and later`(isSeen: Bool) {
        var queue = ReconcileQueue<String>()
        queue.add("a", .operation)
        var now = Duration.zero
        for delay: Double in [0.2, 1, 2, 4, 8, 16, 30, 30] {
            // Whether somebody has seen it broken meanwhile, or it only failed.
            let priority = queue.take(at: start + now).map(\.priority)
            #expect(priority == (now == .zero ? [.operation] : isSeen ? [.repair] : [.retry]))
            queue.done("a", failed: true, at: start + now)
            #expect(queue.nextDelay(after: start + now) == start + now + .seconds(delay))
            // Whoever sees that it is broken still does not hasten it.
            if isSeen { queue.add("a", .repair) }
            #expect(taken(&queue, after: now + .seconds(delay) - .milliseconds(1)) == [])
            now += .seconds(delay)
        }
        #expect(taken(&queue, after: now) == ["a"])
        queue.done("a", failed: false, at: start + now)
        #expect(queue.nextDelay(after: start + now) == nil && taken(&queue, after: now + .seconds(60)) == [])
        queue.add("a", .repair)
        #expect(taken(&queue, after: now) == ["a"], "one that was repaired is repaired at once again")
    }

    @Test(arguments: [ReconcileQueue<String>.Priority.background, .operation, .takeover])
    func `whoever asks for more than a repair does not wait for a delay`(
        priority: ReconcileQueue<String>.Priority
    ) {
        for isMeanwhile in [true, false] {
            var queue = ReconcileQueue<String>()
            queue.add("a", .repair)
            _ = taken(&queue)
            if isMeanwhile { queue.add("a", priority) }
            queue.done("a", failed: true, at: start)
            if !isMeanwhile { queue.add("a", priority) }
            #expect(taken(&queue) == ["a"])
        }
    }

    @Test func `a key whose drift somebody else has repaired is processed at once`() {
        var queue = ReconcileQueue<String>()
        for key in ["a", "b"] { queue.add(key, .repair) }
        for key in taken(&queue) { queue.done(key, failed: true, at: start) }
        queue.recordDriftCheck(found: ["a", "b"]) { _ in true }
        queue.recordDriftCheck(found: ["b"]) { _ in true }
        #expect(taken(&queue) == ["a"])
    }

    @Test func `a failure that no drift check has seen keeps its delays`() {
        var queue = ReconcileQueue<String>()
        queue.add("a", .operation)
        _ = taken(&queue)
        queue.done("a", failed: true, at: start)
        queue.recordDriftCheck(found: []) { _ in true }
        #expect(taken(&queue) == [])
        #expect(taken(&queue, after: .milliseconds(200)) == ["a"])
    }

    @Test func `a key that is due and cannot be processed now hides no delay of another one`() {
        var queue = ReconcileQueue<String>()
        for key in ["early", "late"] { queue.add(key, .repair) }
        for key in taken(&queue) { queue.done(key, failed: true, at: key == "early" ? start : start + .seconds(1)) }
        let now = start + .milliseconds(500)
        #expect(queue.nextDelay(after: now) == start + .milliseconds(1200))
    }

    @Test func `a key that rests is repaired after its rest`() {
        var queue = ReconcileQueue<String>()
        queue.add("node", .repair)
        _ = taken(&queue)
        queue.done("node", failed: false, rest: .seconds(2), at: start)
        #expect(taken(&queue, after: .seconds(3)) == [], "nobody has asked")
        queue.add("node", .repair)
        #expect(taken(&queue, after: .seconds(1)) == [] && queue.nextDelay(after: start) == start + .seconds(2))
        #expect(taken(&queue, after: .seconds(2)) == ["node"])
    }
}

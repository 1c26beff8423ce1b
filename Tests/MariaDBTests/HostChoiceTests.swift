import Testing

@testable import MariaDB

@Suite struct HostChoiceTests {
    private let start = ContinuousClock.now

    @Test func `all hosts are tried in the order of the list`() {
        #expect(HostChoice(count: 3).order(at: start) == [0, 1, 2])
    }

    @Test func `a host that failed is tried last for a while, and then in its place`() {
        var choice = HostChoice(count: 3)
        choice.failed(0, hangs: false, at: start)
        #expect(choice.order(at: start) == [1, 2, 0])
        #expect(choice.order(at: start + HostChoice.firstRest) == [0, 1, 2])
    }

    @Test func `one that fails again and again rests longer, but never for longer than twenty seconds`() {
        var choice = HostChoice(count: 2)
        var (now, rests) = (start, [Duration]())
        for _ in 0..<4 {
            choice.failed(0, hangs: false, at: now)
            var rest = Duration.zero
            while choice.order(at: now + rest) == [1, 0] { rest += .seconds(1) }
            rests.append(rest)
            now += rest
        }
        #expect(rests == [.seconds(5), .seconds(10), .seconds(20), .seconds(20)])
        choice.failed(0, hangs: false, at: now + HostChoice.memory)
        #expect(choice.order(at: now + HostChoice.memory + .seconds(5)) == [0, 1], "the old failures are forgotten")
    }

    @Test func `what many connections find out at once is one failure`() {
        var choice = HostChoice(count: 2)
        for _ in 0..<8 { choice.failed(0, hangs: false, at: start) }
        #expect(choice.order(at: start + .seconds(5)) == [0, 1])
    }

    @Test func `connections are kept to the host that serves, and to no other`() {
        var choice = HostChoice(count: 2)
        _ = choice.serves(0)
        #expect(choice.keeps(0) && !choice.keeps(1))
        choice.failed(0, hangs: false, at: start)
        #expect(!choice.keeps(0), "whoever has one is not lent it again")
        _ = choice.serves(1)
        #expect(!choice.keeps(0) && choice.keeps(1))
    }

    @Test func `without a choice every connection stands for itself`() {
        var choice = HostChoice(count: 1)
        _ = choice.serves(0)
        choice.failed(0, hangs: true, at: start)
        #expect(choice.keeps(0) && choice.order(at: start) == [0] && choice.takeLook(at: start).isEmpty)
    }

    @Test func `one caller at a time looks whether a better host serves again`() {
        var choice = HostChoice(count: 3)
        choice.failed(0, hangs: false, at: start)
        choice.failed(1, hangs: false, at: start + .seconds(1))
        _ = choice.serves(2)
        #expect(choice.takeLook(at: start + .seconds(4)).isEmpty, "both rest")
        #expect(choice.takeLook(at: start + .seconds(5)) == [0])
        #expect(choice.takeLook(at: start + .seconds(5)).isEmpty, "somebody does")
        #expect(choice.takeLook(at: start + .seconds(6)) == [1])
        // It failed again, and rests for twice as long.
        choice.failed(0, hangs: false, at: start + .seconds(6))
        #expect(choice.takeLook(at: start + .seconds(15)) == [1])
        #expect(choice.takeLook(at: start + .seconds(16)) == [0])
        _ = choice.serves(0)
        #expect(choice.current == 0 && choice.takeLook(at: start + .seconds(99)).isEmpty, "there is no better one")
    }

    @Test func `connections to a host that hangs are cut once another serves, and those to one that refuses are not`() {
        var choice = HostChoice(count: 3)
        _ = choice.serves(0)
        choice.failed(0, hangs: true, at: start)
        choice.failed(1, hangs: false, at: start)
        #expect(choice.serves(2) == [0])
        #expect(choice.serves(2).isEmpty, "once")
    }

    @Test func `nothing is cut at a host that answers again`() {
        var choice = HostChoice(count: 2)
        _ = choice.serves(0)
        choice.failed(0, hangs: true, at: start)
        #expect(choice.serves(0).isEmpty)
    }
}

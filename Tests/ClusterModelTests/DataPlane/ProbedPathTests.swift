import ClusterModel
import Testing

@Suite struct ProbedPathTests {
    private let start = ContinuousClock.now

    /// Runs a path second by second, answered where `answers` says so, and tells when its state changed.
    private func changes(
        of path: inout ProbedPath,
        for duration: Duration,
        from begin: Duration = .zero,
        answered: (Duration) -> Bool
    ) -> [Duration] {
        var (changes, nonce) = ([Duration](), UInt64(begin / .milliseconds(1)) * 100)
        var time = begin
        while time < begin + duration {
            let before = path.state
            path.expire(at: start + time)
            if path.isDue(at: start + time) {
                nonce += 1
                path.sent(nonce, at: start + time)
                if answered(time) { _ = path.answered(nonce) }
            }
            if path.state != before { changes.append(time) }
            time += .milliseconds(100)
        }
        return changes
    }

    @Test func `a path is lost within 3 s of its last answer, and back after three answers`() {
        var path = ProbedPath(every: .seconds(1), start: start)
        let lost = changes(of: &path, for: .seconds(20)) { $0 < .milliseconds(4100) }
        #expect(path.state == .failing(.noAnswer))
        #expect(lost.count == 2 && lost[0] == .zero && lost[1] - .milliseconds(4100) <= .seconds(3), "\(lost)")
        let back = changes(of: &path, for: .seconds(20), from: .seconds(20)) { _ in true }
        #expect(path.state == .answering)
        #expect(back.count == 1 && back[0] - .seconds(20) <= .seconds(4) && back[0] - .seconds(20) >= .seconds(2))
    }

    @Test func `three probes in a row that are lost change nothing, nor do two answers of a path that is lost`() {
        var path = ProbedPath(every: .seconds(1), start: start)
        var probes = 0
        // Of every four probes one is answered.
        _ = changes(of: &path, for: .seconds(60)) { _ in
            probes += 1
            return probes % 4 == 1
        }
        #expect(path.state == .answering)
        _ = changes(of: &path, for: .seconds(10), from: .seconds(60)) { _ in false }
        #expect(path.state == .failing(.noAnswer))
        var flapping = 0
        let flaps = changes(of: &path, for: .seconds(120), from: .seconds(70)) { _ in
            flapping += 1
            return flapping % 3 != 0
        }
        #expect(flaps == [], "a link that comes and goes stays lost")
    }

    @Test func `an answer to what is not open any more, or was never asked, counts for nothing`() {
        var path = ProbedPath(every: .seconds(1), start: start)
        path.sent(1, at: start)
        let isTaken = path.answered(2)
        #expect(!isTaken && path.state == .unknown)
        path.expire(at: start + .milliseconds(500))
        let isTakenLate = path.answered(1)
        #expect(!isTakenLate && path.state == .unknown)
        path.sent(3, at: start + .milliseconds(500))
        let taken = [path.answered(3), path.answered(3)]
        #expect(taken == [true, false] && path.state == .answering)
    }

    @Test func `a machine that is reached and does not answer is told from one that is not reached`() {
        var path = ProbedPath(every: .seconds(1), start: start)
        func fail(_ failure: ProbedPath.Failure, times: Int) {
            for number in 0..<times {
                path.sent(UInt64(number), at: start)
                path.failed(failure, at: start)
            }
        }
        fail(.refused, times: 4)
        #expect(path.state == .failing(.refused))
        fail(.noAnswer, times: 3)
        #expect(path.state == .failing(.refused), "not yet")
        fail(.noAnswer, times: 1)
        #expect(path.state == .failing(.noAnswer))
        fail(.noRoute("why"), times: 1)
        fail(.noAnswer, times: 1)
        #expect(path.state == .failing(.noRoute("why")), "what says more stays")
    }
}

@Suite struct PeerPathTests {
    private let start = ContinuousClock.now

    private func verdicts(
        of path: inout PeerPath,
        for seconds: Int,
        from begin: Int = 0,
        arrives: (PeerPath.Size) -> Bool
    ) -> (verdict: PeerPath.Verdict, sent: [PeerPath.Size: Int], firstFault: Duration?) {
        var (sent, nonce, firstFault) = ([PeerPath.Size: Int](), UInt64(begin * 1000), Duration?.none)
        for tenth in begin * 10..<(begin + seconds) * 10 {
            let now = start + .milliseconds(100 * tenth)
            for size in path.due(at: now) {
                nonce += 1
                sent[size, default: 0] += 1
                path.sent(size, nonce: nonce, at: now)
                if arrives(size) { _ = path.answered(nonce) }
            }
            if firstFault == nil, path.verdict != .unknown, path.verdict != .answers {
                firstFault = .milliseconds(100 * (tenth - begin * 10))
            }
        }
        return (path.verdict, sent, firstFault)
    }

    @Test func `a path that is well costs a small probe a second and a long one in five`() {
        var path = PeerPath(fullSize: 1500, at: start)
        let seen = verdicts(of: &path, for: 100) { _ in true }
        #expect(seen.verdict == .answers && seen.sent == [.small: 100, .full: 20])
    }

    @Test func `a link that loses long datagrams is found within 8 s, and one that loses all within 3 s`() throws {
        var path = PeerPath(fullSize: 1500, at: start)
        _ = verdicts(of: &path, for: 12) { _ in true }
        let limited = verdicts(of: &path, for: 20, from: 12) { $0 == .small }
        #expect(limited.verdict == .limited(size: 1500))
        #expect(try #require(limited.firstFault) <= .seconds(8))
        let back = verdicts(of: &path, for: 10, from: 32) { _ in true }
        #expect(back.verdict == .answers)
        let lost = verdicts(of: &path, for: 10, from: 42) { _ in false }
        #expect(lost.verdict == .unreachable(.noAnswer))
        #expect(try #require(lost.firstFault) <= .seconds(3))
        #expect(lost.sent[.full, default: 0] <= 1, "of a path that is lost, length is not asked")
    }

    @Test func `a node that dies at any moment is unreachable, and never one whose links are too small`() {
        for tenth in 120..<190 {
            var path = PeerPath(fullSize: 1500, at: start)
            var (nonce, verdicts) = (UInt64(0), Set<PeerPath.Verdict>())
            for now in 0..<300 {
                for size in path.due(at: start + .milliseconds(100 * now)) {
                    nonce += 1
                    path.sent(size, nonce: nonce, at: start + .milliseconds(100 * now))
                    if now < tenth { _ = path.answered(nonce) }
                }
                verdicts.insert(path.verdict)
            }
            #expect(verdicts == [.answers, .unreachable(.noAnswer)], "dead after \(tenth) tenths")
        }
    }

    @Test func `without networks nothing long is sent, and a larger network is a new question`() {
        var path = PeerPath(fullSize: nil, at: start)
        #expect(verdicts(of: &path, for: 10) { _ in true }.sent == [.small: 10])
        path.resize(1500, at: start + .seconds(10))
        _ = verdicts(of: &path, for: 10, from: 10) { $0 == .small }
        #expect(path.verdict == .limited(size: 1500))
        path.resize(1400, at: start + .seconds(20))
        #expect(path.verdict == .answers)
    }

    @Test func `what the kernel says is too large is sent in pieces, and lost is what nobody says anything of`() {
        var path = PeerPath(fullSize: 1500, at: start)
        path.sent(.small, nonce: 1, at: start)
        _ = path.answered(1)
        for _ in 0..<4 {
            path.sent(.full, nonce: 2, at: start)
            path.failed(.full, .tooLarge, at: start)
        }
        #expect(path.verdict == .fragmented(size: 1500))
    }
}

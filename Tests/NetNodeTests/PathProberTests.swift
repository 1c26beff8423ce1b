import ClusterModel
import ClusterOpsTestKit
import Glibc
import Testing

@testable import NetNode

/// Probers of two nodes on the loopback, each at an address of its own and turned by hand: nothing waits.
@Suite struct PathProberTests {
    private let port = UInt16.random(in: 20_000...30_000)
    private let now = ContinuousClock.now

    private func peer(_ number: Int) throws -> ProbePeer {
        ProbePeer(id: .new(), name: try NodeName("h\(number)"), address: try IPv4Address("127.77.0.\(number)"))
    }

    private func turns(_ probers: [PathProber], seconds: Int, from begin: Int = 0) {
        for tenth in begin * 10..<(begin + seconds) * 10 {
            for prober in probers { _ = prober.turn(at: now + .milliseconds(100 * tenth)) }
        }
    }

    @Test func `two nodes that answer each other reach each other, with long datagrams too`() throws {
        let (one, two) = (try peer(1), try peer(2))
        let probers = [PathProber(port: port), PathProber(port: port)]
        probers[0].take(ProbePlan(node: one, peers: [two]), fullSize: 1500, at: now)
        probers[1].take(ProbePlan(node: two, peers: [one]), fullSize: 1500, at: now)
        turns(probers, seconds: 10)
        for prober in probers {
            #expect(prober.readings.map(\.verdict) == [.answers] && prober.failure == nil)
            #expect(prober.counts.answered == prober.counts.sent || prober.counts.answered == prober.counts.sent - 1)
            #expect(prober.counts.failed == 0 && prober.counts.answersGiven >= 10)
        }
    }

    @Test func `a machine on which nothing listens is told from one that is not there, and is soon reached again`()
        throws
    {
        let (one, two) = (try peer(3), try peer(4))
        let prober = PathProber(port: port)
        prober.take(ProbePlan(node: one, peers: [two]), fullSize: 1500, at: now)
        turns([prober], seconds: 5)
        #expect(prober.readings.map(\.verdict) == [.refused])
        let other = PathProber(port: port)
        other.take(ProbePlan(node: two, peers: []), fullSize: nil, at: now)
        turns([prober, other], seconds: 10, from: 5)
        #expect(prober.readings.map(\.verdict) == [.answers])
        #expect(other.counts.sent == 0 && other.counts.answersGiven > 0)
    }

    @Test func `from an address that is not this node's nothing is sent, and that is said`() throws {
        let there = ProbePeer(id: .new(), name: try NodeName("h5"), address: try IPv4Address("192.0.2.77"))
        let prober = PathProber(port: port)
        prober.take(ProbePlan(node: there, peers: [try peer(6)]), fullSize: nil, at: now)
        turns([prober], seconds: 2)
        #expect(prober.failure?.number == EADDRNOTAVAIL && prober.readings == [] && prober.counts.sent == 0)
    }

    @Test func `a path that stays in the plan keeps its state, and one that leaves it is forgotten`() throws {
        let (one, two, three) = (try peer(7), try peer(8), try peer(9))
        let probers = [PathProber(port: port), PathProber(port: port)]
        probers[0].take(ProbePlan(node: one, peers: [two]), fullSize: nil, at: now)
        probers[1].take(ProbePlan(node: two, peers: []), fullSize: nil, at: now)
        turns(probers, seconds: 3)
        probers[0].take(ProbePlan(node: one, peers: [two, three]), fullSize: nil, at: now + .seconds(3))
        #expect(probers[0].readings.map(\.verdict) == [.answers, .unknown])
        probers[0].take(ProbePlan(node: one, peers: [three]), fullSize: nil, at: now + .seconds(3))
        #expect(probers[0].readings.map(\.peer) == [three])
        let moved = ProbePeer(id: three.id, name: three.name, address: try IPv4Address("127.77.0.10"))
        probers[0].take(ProbePlan(node: one, peers: [moved]), fullSize: nil, at: now + .seconds(3))
        #expect(probers[0].readings.map(\.peer) == [moved] && probers[0].readings[0].verdict == .unknown)
    }

    @Test func `questions to witnesses are answered as the witness says, and only the open round's answers count`()
        throws
    {
        let nodes = [try peer(21), try peer(22), try peer(23)]
        let (holder, refused) = (SessionID.new(), nodes[2].id)
        let probers = nodes.map { _ in
            PathProber(port: port) { question, _ in
                guard question.holder == holder, question.witness != refused else { return nil }
                return WitnessMessage(.confirmation, nonce: question.nonce, holder: holder, witness: question.witness)
            }
        }
        for (prober, node) in zip(probers, nodes) {
            prober.take(ProbePlan(node: node, peers: nodes.filter { $0 != node }), fullSize: nil, at: now)
        }
        #expect(probers[0].answering.isEmpty)
        turns(probers, seconds: 3)
        #expect(probers[0].answering == [nodes[1].id, nodes[2].id])
        let asked: Set = [nodes[1].id, nodes[2].id, .new()]
        probers[0].ask(asked, holder: holder, nonce: 1)
        #expect(probers[0].confirmations(of: 1).isEmpty)
        turns(probers, seconds: 1, from: 3)
        #expect(probers[0].confirmations(of: 1) == [nodes[1].id] && probers[0].confirmations(of: 2).isEmpty)
        probers[0].ask(asked, holder: .new(), nonce: 2)
        probers[0].ask(asked, holder: holder, nonce: 3)
        probers[0].ask(asked, holder: .new(), nonce: 4)
        turns(probers, seconds: 1, from: 4)
        #expect(probers[0].confirmations(of: 4).isEmpty, "answers to an earlier round, and to none")
    }

    @Test func `whoever asks gets one answer for one request, as long as that, and for anything else none`() throws {
        let node = try peer(11)
        let prober = PathProber(port: port)
        prober.take(ProbePlan(node: node, peers: []), fullSize: nil, at: now)
        let asker = try ProbeSocket(at: try IPv4Address("127.77.0.12"), port: 0, peer: (node.address, port))
        let request = ProbeMessage(kind: .request, sender: .new(), receiver: node.id, sequence: 1, nonce: 7)
        let answer = try #require(request.answer(by: node.id))
        var sent = 0
        for datagram in [
            request.encoded(), request.encoded(length: 1472), answer.encoded(), [1], [],
            [UInt8](repeating: 0x43, count: 1472),
        ] { sent += asker.send(datagram) == nil ? 1 : 0 }
        #expect(sent == 6)
        #expect(prober.turn(at: now) == 6 && prober.turn(at: now) == 0, "all that was sent was read")
        #expect(prober.counts.answersGiven == 2)
        #expect(received(by: asker).map(\.count) == [ProbeMessage.headerLength, 1472])

        for _ in 0..<200 { _ = asker.send(request.encoded()) }
        #expect(prober.turn(at: now) == PathProber.mostAnswersAtOnce, "a turn is bounded")
    }

    @Test func `a question is answered behind a flood of junk, and only where it comes from a peer's address`() throws {
        let (node, leader, other) = (try peer(13), try peer(14), try peer(15))
        let prober = PathProber(port: port) { question, _ in
            WitnessMessage(.confirmation, nonce: question.nonce, holder: question.holder, witness: question.witness)
        }
        prober.take(ProbePlan(node: node, peers: [leader]), fullSize: nil, at: now)
        let sockets = try [other, leader].map { try ProbeSocket(at: $0.address, port: 0, peer: (node.address, port)) }
        for _ in 0..<500 { _ = sockets[0].send([UInt8](repeating: 0x43, count: WitnessMessage.length)) }
        let question = WitnessMessage(.question, nonce: 1, holder: .new(), witness: node.id)
        for socket in sockets { _ = socket.send(question.encoded) }
        #expect(prober.turn(at: now) == 502, "and there may be more, so the next turn is soon")
        #expect(sockets.map { received(by: $0).count } == [0, 1])
    }

    @Test func `a node can be asked while it listens at the address of its row, as the node of that row`() throws {
        let node = try peer(16)
        let prober = PathProber(port: port)
        #expect(!prober.canBeAsked(as: node.id))
        prober.take(ProbePlan(node: node, peers: []), fullSize: nil, at: now)
        #expect(prober.canBeAsked(as: node.id) && !prober.canBeAsked(as: .new()))
        let replaced = ProbePeer(id: .new(), name: node.name, address: try IPv4Address("192.0.2.77"))
        prober.take(ProbePlan(node: replaced, peers: []), fullSize: nil, at: now)
        #expect(!prober.canBeAsked(as: replaced.id) && !prober.canBeAsked(as: node.id), "another machine is")
    }

    private func received(by socket: ProbeSocket) -> [[UInt8]] {
        var datagrams: [[UInt8]] = []
        var buffer = [UInt8](repeating: 0, count: ProbeMessage.longest)
        while true {
            let reading = buffer.withUnsafeMutableBytes { socket.receive(into: $0) }
            guard case .datagram(let count, _) = reading else { return datagrams }
            datagrams.append(Array(buffer.prefix(count)))
        }
    }
}

@Suite struct LocalDeviceTests {
    @Test func `a device is found by its address and by its name, and what is not there is not`() throws {
        let loopback = try #require(LocalDevice.with(try IPv4Address("127.0.0.1")))
        #expect(loopback.name == "lo" && loopback.isUp && loopback.mtu > 1000)
        #expect(LocalDevice.named("lo") == loopback)
        #expect(LocalDevice.named("nothere0") == nil && LocalDevice.named("a-name-that-is-too-long") == nil)
        #expect(LocalDevice.with(try IPv4Address("192.0.2.77")) == nil)
        #expect(LocalDevice.addresses().contains { $0.device == "lo" })
    }
}

@Suite struct SteadyCheckTests {
    @Test func `a check fails when it was bad twice, and passes again when it was good three times`() {
        var check = SteadyCheck()
        var outcomes: [DataPlaneCheck.State?] = []
        for fault in [nil, "x", nil, "x", "x", nil, nil, "x", nil, nil, nil] as [String?] {
            check.note(fault)
            outcomes.append(check.outcome?.state)
        }
        #expect(
            outcomes == [.ok, .ok, .ok, .ok, .failed, .failed, .failed, .failed, .failed, .failed, .ok]
        )
    }
}

@Suite struct ProbeFrameTests {
    @Test func `a frame is an IPv4 packet whose header sums up, and gives its number back`() throws {
        let frame = ProbeFrame.encoded(0x0102_0304_0506_0708)
        #expect(ProbeFrame.number(in: frame) == 0x0102_0304_0506_0708)
        #expect(ProbeFrame.number(in: Array(frame.dropLast())) == nil && ProbeFrame.number(in: []) == nil)
        let header = Array(frame[14..<34])
        var sum: UInt32 = 0
        for index in stride(from: 0, to: 20, by: 2) { sum += UInt32(header[index]) << 8 + UInt32(header[index + 1]) }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        #expect(sum == 0xffff, "the sum over a header with its checksum is all ones (RFC 1071)")
        #expect(Int(header[2]) << 8 + Int(header[3]) == frame.count - 14)
    }
}

import Testing

@testable import ClusterModel

/// A tenure that goes on without the database; each rule is a guard of docs/models/database_outage.pml, whose mutant
/// is named with it.
@Suite struct WitnessTests {
    private let timing = ElectionState.Timing(
        lease: .seconds(5),
        renew: .seconds(1),
        fence: .milliseconds(3500),
        outage: .seconds(20)
    )
    private let start = ContinuousClock.now
    private let me = SessionID.new()
    private let other = SessionID.new()
    private let nodes = [NodeID.new(), NodeID.new(), NodeID.new()]

    private var all: Set<NodeID> { Set(nodes) }

    /// A leader whose list of all three is confirmed by a renewal that was sent at the start.
    private func leader() -> ElectionState {
        var state = ElectionState(timing, me: me, now: start)
        state.acquired(term: 8, askedAt: start - .seconds(1))
        let list = state.list(all)
        state.renewed(term: 8, askedAt: start, list: list)
        return state
    }

    private func fence(_ state: ElectionState, at moment: Duration) -> Duration? {
        state.leadership(at: start + moment).map { $0.fence - start }
    }

    private func sighting(_ outage: Duration = .zero, renewals: UInt64 = 1) -> ElectionState.Sighting {
        .init(holder: other, term: 7, renewals: renewals, lease: .seconds(5), outage: outage)
    }

    /// A follower that saw the lease at the start.
    private func follower(_ seen: ElectionState.Sighting) -> ElectionState {
        var state = ElectionState(timing, me: me, now: start)
        state.saw(seen, answeredAt: start)
        return state
    }

    // MARK: Rounds

    @Test func `a round that all have confirmed extends the tenure as from when it began, and not from its answers`()
        throws
    {
        // Mutants 1 and 2.
        var state = leader()
        let round = try #require(state.round(nonce: 1, at: start + .seconds(2)))
        #expect(round.asked == all)
        let few = state.confirmed(round, by: Set(nodes.dropFirst()), at: start + .milliseconds(2500))
        #expect(!few && fence(state, at: .milliseconds(2500)) == .milliseconds(3500), "one is missing")
        let everybody = state.confirmed(round, by: all.union([.new()]), at: start + .milliseconds(3400))
        #expect(everybody && fence(state, at: .milliseconds(3400)) == .milliseconds(5500))
    }

    @Test func `nobody is asked while renewals come, and without an outage time never`() {
        let state = leader()
        #expect(state.round(nonce: 1, at: start + .milliseconds(1999)) == nil)
        #expect(state.round(nonce: 1, at: start + .seconds(2)) != nil)
        var off = ElectionState(
            .init(lease: .seconds(5), renew: .seconds(1), fence: .milliseconds(3500)),
            me: me,
            now: start
        )
        off.acquired(term: 8, askedAt: start)
        let list = off.list(all)
        off.renewed(term: 8, askedAt: start, list: list)
        #expect(off.round(nonce: 1, at: start + .seconds(2)) == nil)
    }

    @Test func `confirmations end at the bound`() throws {
        // Mutants 10 and 18: 14.5 s after the renewal was sent.
        var state = leader()
        var now = Duration.seconds(2)
        while now < .seconds(60), let round = state.round(nonce: 1, at: start + now) {
            let isConfirmed = state.confirmed(round, by: all, at: start + now)
            #expect(isConfirmed && round.bound == start + .milliseconds(14_500))
            now += .milliseconds(500)
        }
        #expect(now == .milliseconds(14_500))
        #expect(fence(state, at: .milliseconds(14_499)) == .milliseconds(14_500))
        #expect(fence(state, at: .milliseconds(14_500)) == nil)
    }

    @Test(arguments: [8, 60, 300, 3_600])
    func `a leader by whose clock a tenth less passes is silent before one by whose clock a tenth more passes leads`(
        outage: Int
    ) {
        // The least margin that the configuration accepts, of which `nft` may take 0.9 s.
        let (lease, fence) = (Duration.seconds(5), Duration.seconds(4))
        let timing = ElectionState.Timing(lease: lease, renew: .seconds(1), fence: fence, outage: .seconds(outage))
        #expect(timing.bound >= fence, "rounds are worth something")
        let silentAt = timing.bound / 0.9 + .milliseconds(900)
        #expect(silentAt < timing.outage / 1.1)
    }

    @Test func `a tenure that is over stays over`() throws {
        // Mutant 11.
        var state = leader()
        let round = try #require(state.round(nonce: 1, at: start + .seconds(3)))
        let isConfirmed = state.confirmed(round, by: all, at: start + .milliseconds(3500))
        #expect(!isConfirmed && fence(state, at: .milliseconds(3500)) == nil)
        #expect(state.next(at: start + .milliseconds(3500)) == .stepDown(term: 8))
        state.acquired(term: 9, askedAt: start + .seconds(4))
        let isLate = state.confirmed(round, by: all, at: start + .seconds(4))
        #expect(!isLate, "of another term")
    }

    @Test func `a round is asked anew before it is worth nothing`() throws {
        let round = try #require(leader().round(nonce: 1, at: start + .seconds(2)))
        #expect(leader().end(of: round) == start + .milliseconds(3750))
    }

    // MARK: Lists

    @Test func `nobody is asked before a list is confirmed`() {
        // Mutants 7 and 14.
        var state = ElectionState(timing, me: me, now: start)
        state.acquired(term: 8, askedAt: start)
        _ = state.list(all)
        #expect(state.round(nonce: 1, at: start + .seconds(2)) == nil)
        state.renewed(term: 8, askedAt: start)
        #expect(state.round(nonce: 1, at: start + .seconds(2)) == nil, "a renewal that was sent without it")
    }

    @Test func `all are asked who are in a list that may be in the row`() {
        // Mutants 7 and 8.
        var lists = WitnessLists()
        let first = lists.send([nodes[0]])
        #expect(first.number == 1 && lists.all == nil)
        lists.confirm(first)
        let same = lists.send([nodes[0]])
        #expect(same == first && lists.all == [nodes[0]], "the same needs no other number")
        let second = lists.send([nodes[1]])
        #expect(second.number == 2 && lists.all == [nodes[0], nodes[1]])
        let third = lists.send([nodes[2]])
        #expect(lists.all == all)
        lists.confirm(second)
        #expect(lists.all == [nodes[1], nodes[2]], "the third may be there too")
        lists.confirm(third)
        #expect(lists.all == [nodes[2]])
    }

    @Test func `once a withdrawal is sent nobody is asked, until a later list is confirmed`() {
        // Mutant 19.
        var lists = WitnessLists()
        lists.confirm(lists.send(all))
        let withdrawal = lists.send(nil)
        #expect(withdrawal == WitnessList(number: 2, nodes: nil) && lists.all == nil)
        let later = lists.send(all)
        #expect(later.number == 3 && lists.all == nil, "the withdrawal may be there")
        lists.confirm(withdrawal)
        #expect(lists.all == nil)
        lists.confirm(later)
        #expect(lists.all == all)
    }

    @Test func `a leader without another candidate has nobody to ask, and goes on until the bound`() throws {
        var state = ElectionState(timing, me: me, now: start)
        state.acquired(term: 8, askedAt: start)
        let list = state.list([])
        state.renewed(term: 8, askedAt: start, list: list)
        let round = try #require(state.round(nonce: 1, at: start + .seconds(2)))
        let isConfirmed = state.confirmed(round, by: [], at: start + .seconds(2))
        #expect(isConfirmed && fence(state, at: .seconds(2)) == .milliseconds(5500))
    }

    @Test func `a new term begins without a list`() {
        // Mutant 15.
        var state = leader()
        _ = state.lost(at: start)
        let list = state.list(all)
        #expect(list == .none && state.witnesses == nil, "who does not lead has none")
        state.acquired(term: 9, askedAt: start)
        state.renewed(term: 9, askedAt: start)
        #expect(state.round(nonce: 1, at: start + .seconds(2)) == nil)
    }

    @Test func `witnesses are those that answer, and there are none while a live one does not`() {
        let (own, live, dead) = (nodes[0], nodes[1], nodes[2])
        func witnesses(_ isLive: [NodeID: Bool], _ answering: Set<NodeID>) -> Set<NodeID>? {
            isLive.map { WitnessCandidate(node: $0, isLive: $1) }.witnesses(besides: own, answering: answering)
        }
        let stranger = NodeID.new()
        #expect(witnesses([own: true, live: true, dead: false], [live, stranger]) == [live])
        #expect(witnesses([own: true, live: true, dead: false], [live, dead]) == [live, dead])
        #expect(witnesses([own: true, live: true, dead: true], [live]) == nil)
        #expect(witnesses([own: true, dead: false], []) == [])
        #expect(witnesses([:], [live]) == [])
    }

    // MARK: Witnesses

    @Test func `who confirms waits for a whole lease from then on`() {
        // Mutant 4.
        var state = follower(sighting())
        let isConfirmed = state.confirm(other, at: start + .seconds(4))
        #expect(isConfirmed)
        state.saw(sighting(), answeredAt: start + .milliseconds(4500))
        #expect(state.next(at: start + .milliseconds(8999)) == .look)
        #expect(state.next(at: start + .seconds(9)) == .acquire(after: sighting()))
    }

    @Test func `who is no witness waits for the outage time`() {
        // Mutant 5.
        var state = follower(sighting(.seconds(20)))
        #expect(state.next(at: start + .milliseconds(19_999)) == .look)
        #expect(state.next(at: start + .seconds(20)) == .acquire(after: sighting(.seconds(20))))
    }

    @Test func `who becomes a witness of the same row later waits from then on`() {
        var state = follower(sighting(.seconds(20)))
        state.saw(sighting(), answeredAt: start + .seconds(7))
        #expect(state.next(at: start + .milliseconds(11_999)) == .look)
        #expect(state.next(at: start + .seconds(12)) == .acquire(after: sighting()))
    }

    @Test func `nobody confirms who leads, who has seen nothing, and who has seen another holder`() {
        var leader = leader()
        let byLeader = leader.confirm(other, at: start)
        #expect(!byLeader)
        var newcomer = ElectionState(timing, me: me, now: start)
        let byNewcomer = newcomer.confirm(other, at: start)
        #expect(!byNewcomer)
        var state = follower(sighting())
        let ofAnother = state.confirm(.new(), at: start)
        #expect(!ofAnother)
    }

    @Test func `who sees itself that only the leader has lost the database does not confirm`() {
        var state = follower(sighting())
        state.saw(sighting(), answeredAt: start + .seconds(1))
        let first = state.confirm(other, at: start + .seconds(1))
        state.saw(sighting(), answeredAt: start + .seconds(2))
        let second = state.confirm(other, at: start + .seconds(2))
        #expect(first && !second, "two renewals are missing")
        state.couldNotLook()
        let third = state.confirm(other, at: start + .seconds(3))
        #expect(third, "nobody has it any more")
        state.saw(sighting(), answeredAt: start + .seconds(10))
        let fourth = state.confirm(other, at: start + .seconds(10))
        #expect(fourth, "it is back only now, and the leader may not have renewed yet")
        state.saw(sighting(renewals: 2), answeredAt: start + .seconds(13))
        let fifth = state.confirm(other, at: start + .seconds(13))
        #expect(fifth, "it has renewed")
    }

    // MARK: Datagrams

    @Test func `a datagram is read as it was written, and nothing else is one`() {
        let message = WitnessMessage(.question, nonce: 0x0102_0304_0506_0708, holder: me, witness: nodes[0])
        #expect(message.encoded.count == WitnessMessage.length && WitnessMessage(message.encoded) == message)
        #expect(WitnessMessage(message.encoded.dropLast()) == nil && WitnessMessage(message.encoded + [0]) == nil)
        for (index, byte) in [(0, 0x43), (4, 2), (5, 9)] as [(Int, UInt8)] {
            var bytes = message.encoded
            bytes[index] = byte ^ 0x80
            #expect(WitnessMessage(bytes) == nil)
        }
        let probe = ProbeMessage(kind: .request, sender: .new(), receiver: .new(), sequence: 1, nonce: 1)
        #expect(WitnessMessage(probe.encoded()) == nil && ProbeMessage(message.encoded) == nil)
    }
}

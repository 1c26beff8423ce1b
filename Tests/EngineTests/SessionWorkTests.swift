import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// The claims and outcomes of one session in memory, and how they compare with the database's rows.
@Suite struct SessionWorkTests {
    private let id = OperationID.new()

    private func entry(_ id: OperationID, delivery: Int = 1) -> Settling.Entry {
        Settling.Entry(id: id, delivery: delivery, report: .deferred)
    }

    private typealias Row = SessionStatements.Executing

    private func row(_ id: OperationID, delivery: Int = 1, isCancelRequested: Bool = false) -> [Row] {
        [Row(id: id, delivery: delivery, isCancelRequested: isCancelRequested)]
    }

    @Test func `what runs and what is waited for takes a slot each`() {
        var work = SessionWork(slots: 3)
        work.start(id, delivery: 1)
        let wait = HeldWork.Wait(id: .new(), limit: .oneSecond, isRepeated: false)
        work.await(wait)
        #expect(work.isAwaiting && work.freeSlots == 1 && work.runningCount == 1)
        work.stopAwaiting(wait.id)
        #expect(work.freeSlots == 2)
        work.finish(entry(id))
        #expect(work.freeSlots == 3 && work.runningCount == 0)
    }

    @Test func `who was full is told when there is a slot again, by an end or when outcomes are written`() {
        var work = SessionWork(slots: 2)
        let ids = (0..<2).map { _ in OperationID.new() }
        for id in ids { work.start(id, delivery: 1) }
        var hasSlotsAgain = ids.map { work.finish(entry($0)) }
        #expect(hasSlotsAgain == [true, false], "there was one at the second end")
        for _ in 0..<6 { work.finish(entry(.new())) }
        let batch = work.takeBatch()
        hasSlotsAgain = [work.finish(entry(.new()))]
        #expect(hasSlotsAgain == [false], "what is not written takes slots too")
        hasSlotsAgain = [work.settled(batch), work.settled(work.takeBatch())]
        #expect(hasSlotsAgain == [true, false])
    }

    @Test func `nothing is claimed while too many outcomes wait to be written`() {
        var work = SessionWork(slots: 2)
        let entries = (0..<8).map { _ in entry(.new()) }
        for entry in entries { work.finish(entry) }
        #expect(work.freeSlots == 0)
        let batch = work.takeBatch()
        #expect(work.freeSlots == 0, "what is being written counts too")
        work.settled(batch, again: Array(batch.prefix(1)))
        #expect(work.freeSlots == 2 && !work.isIdle)
    }

    @Test func `an outcome is sent again, before newer ones, until it is written`() {
        var work = SessionWork(slots: 2)
        let (older, newer) = (entry(.new()), entry(.new()))
        work.finish(older)
        let batch = work.takeBatch()
        work.finish(newer)
        work.settled(batch, again: batch)
        let again = work.takeBatch()
        #expect(again == [older, newer])
        work.settled(again, again: [])
        #expect(work.isIdle)
    }

    @Test func `a run is interrupted once, and only for its own delivery`() {
        var work = SessionWork(slots: 1)
        work.start(id, delivery: 2)
        #expect(work.interruptCancelled(among: row(id, delivery: 2)).isEmpty, "nobody wants it ended")
        #expect(work.interruptCancelled(among: row(id, delivery: 1, isCancelRequested: true)).isEmpty)
        #expect(work.interruptCancelled(among: row(.new(), isCancelRequested: true)).isEmpty)
        #expect(work.interruptCancelled(among: row(id, delivery: 2, isCancelRequested: true)) == [id])
        #expect(work.interruptCancelled(among: row(id, delivery: 2, isCancelRequested: true)).isEmpty)
    }

    @Test func `a claim is known from its start until its outcome is written, and while it is waited for`() {
        var work = SessionWork(slots: 2)
        let nothing = work.known
        #expect(work.unknown(among: row(id), readAfter: nothing).map(\.report) == [.handedBack])
        work.await(HeldWork.Wait(id: id, limit: .oneSecond, isRepeated: false))
        #expect(work.unknown(among: row(id), readAfter: nothing).isEmpty)
        work.stopAwaiting(id)
        work.start(id, delivery: 1)
        let running = work.known
        #expect(work.unknown(among: row(id), readAfter: nothing).isEmpty)
        #expect(work.unknown(among: row(id, delivery: 2), readAfter: running).map(\.delivery) == [2])
        work.finish(entry(id))
        #expect(work.unknown(among: row(id), readAfter: nothing).isEmpty)
        let batch = work.takeBatch()
        #expect(work.unknown(among: row(id), readAfter: nothing).isEmpty)
        work.settled(batch, again: [])
        #expect(work.unknown(among: row(id), readAfter: running).isEmpty, "it was known when the rows were read")
        #expect(work.unknown(among: row(id), readAfter: work.known).count == 1)
    }

    @Test func `a run is interrupted when two snapshots in a row lack its claim, and once`() {
        var work = SessionWork(slots: 1)
        work.start(id, delivery: 2)
        #expect(work.interruptLost(among: [], readAfter: work.known).isEmpty, "one may be stale")
        #expect(work.interruptLost(among: row(id, delivery: 2), readAfter: work.known).isEmpty)
        #expect(work.interruptLost(among: [], readAfter: work.known).isEmpty, "not in a row")
        let lost = work.interruptLost(among: row(id, delivery: 1), readAfter: work.known)
        #expect(lost == [id], "another delivery is another claim")
        #expect(work.interruptLost(among: [], readAfter: work.known).isEmpty)
        #expect(work.runningCount == 1, "its slot is free when it has ended")
    }

    @Test func `no snapshot counts that was asked for before the claim was known`() {
        var work = SessionWork(slots: 1)
        let nothing = work.known
        work.start(id, delivery: 1)
        for _ in 0..<3 { #expect(work.interruptLost(among: [], readAfter: nothing).isEmpty) }
        let first = work.known
        work.start(id, delivery: 2)
        for _ in 0..<3 { #expect(work.interruptLost(among: [], readAfter: first).isEmpty) }
    }

    @Test func `what has finished is not missed, before or after its outcome is written`() {
        var work = SessionWork(slots: 1)
        work.start(id, delivery: 1)
        let running = work.known
        #expect(work.interruptLost(among: [], readAfter: running).isEmpty)
        work.finish(entry(id))
        #expect(work.interruptLost(among: [], readAfter: running).isEmpty, "its row may be gone already")
        work.settled(work.takeBatch(), again: [])
        #expect(work.interruptLost(among: [], readAfter: running).isEmpty)
        work.start(id, delivery: 2)
        #expect(work.interruptLost(among: [], readAfter: work.known).isEmpty, "a new claim begins anew")
    }

    @Test func `the outcome of a lost claim is not written for the claim that came after it`() {
        var work = SessionWork(slots: 1)
        work.finish(entry(id))
        work.start(id, delivery: 1)
        #expect(work.takeBatch().isEmpty && work.runningCount == 1)
    }

    @Test func `an outcome that the database does not take stays known, so that the operation does not run again`() {
        var work = SessionWork(slots: 1)
        work.finish(entry(id))
        let batch = work.takeBatch()
        work.abandon(batch[0])
        work.settled(batch, again: [])
        #expect(work.isIdle && work.freeSlots == 1)
        #expect(work.unknown(among: row(id), readAfter: work.known).isEmpty)
    }

    @Test func `a closed session leaves the outcomes that were not written, and knows nothing any more`() {
        var work = SessionWork(slots: 2)
        let (sent, waiting, running) = (entry(.new()), entry(.new()), OperationID.new())
        work.finish(sent)
        _ = work.takeBatch()
        work.finish(waiting)
        work.start(running, delivery: 1)
        #expect(Set(work.takeUnsettled()) == [sent, waiting])
        #expect(work.takeUnsettled().isEmpty)
        #expect(work.isIdle && work.freeSlots == 2)
        #expect(work.unknown(among: row(running), readAfter: work.known).count == 1)
    }
}

import ClusterOpsTestKit
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// The rings of a worker for those who wait for what it has ended.
@Suite struct EndNotifierTests {
    /// Keeps its calls.
    private struct RecordingWaker: Waker {
        struct LookUp: Equatable {
            let ended: Set<OperationID>
            let rung: Set<WaiterStatements.Waiter>
        }

        let rings = Locked<[[WaiterStatements.Waiter]]>([])
        let lookUps = Locked<[LookUp]>([])

        func wake(_ queues: Set<QueueName>, operations: Int) async {}
        func wake(_ session: SessionID) async {}
        func wake(_ waiters: [WaiterStatements.Waiter]) { rings.update { $0.append(waiters) } }
        func wakeWaiters(of ended: Set<OperationID>, besides rung: Set<WaiterStatements.Waiter>) async {
            lookUps.update { $0.append(LookUp(ended: ended, rung: rung)) }
        }
    }

    @Test func `who is known to wait is rung at once, and looked for with what ended since, to be rung no more`()
        async
    {
        let waker = RecordingWaker()
        let notifier = EndNotifier(waker: waker)
        let (first, second) = (OperationID.new(), OperationID.new())
        let waiter = WaiterStatements.Waiter(operation: first, doorbell: "192.0.2.1:1")
        notifier.announce([])
        notifier.announce([first], to: [waiter])
        notifier.announce([second])
        #expect(waker.rings.value == [[waiter]] && waker.lookUps.value.isEmpty)
        await notifier.flush()
        #expect(waker.lookUps.value == [.init(ended: [first, second], rung: [waiter])])
        await notifier.flush()
        #expect(waker.lookUps.value.last == .init(ended: [], rung: []), "each is announced once")
    }
}

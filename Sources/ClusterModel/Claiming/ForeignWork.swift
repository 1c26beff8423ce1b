/// The work that a worker has seen in its queues and that is not for it, and so need not be read again.
///
/// Pure. Its filter hides nothing that the worker can run, however old it is: a queue in which work of others was
/// seen is read by task, which is exact, and only costs a range for each. Only lists that begin with a task of the
/// worker's and hold one that it cannot run are walked past.
package struct ForeignWork: Sendable {
    /// Other lists than these at the head of a queue are read and dropped each time.
    static let mostLists = 64
    /// More undecodable operations than this at the heads of the queues are read and dropped each time.
    static let mostUnreadable = 1000
    /// The time for which a queue is read by task after work of others was seen in it.
    package static let memory: Duration = .seconds(30)

    package private(set) var filter: ClaimFilter
    private var seen: [QueueName: SuspendingClock.Instant] = [:]
    private var unreadableCount = 0

    /// Creates what a worker knows before its first look.
    package init(runnable: [TaskName]) {
        filter = ClaimFilter(tasks: runnable)
    }

    /// Takes note of the machine that the worker is on.
    package mutating func work(on node: NodeID) { filter.node = node }

    /// Takes note of an operation that needs a task that the worker cannot run.
    package mutating func saw(_ tasks: [TaskName], in queue: QueueName, at now: SuspendingClock.Instant) {
        if filter.mixed.insert(queue).inserted { seen[queue] = now }
        guard let first = tasks.first, filter.tasks.contains(first), filter.lists.count < Self.mostLists else { return }
        filter.lists.insert(tasks)
    }

    /// Takes note of an operation that cannot be decoded.
    ///
    /// - Returns: Whether it is passed over from now on, and was not before.
    package mutating func saw(unreadable id: OperationID, in queue: QueueName) -> Bool {
        guard unreadableCount < Self.mostUnreadable, filter.unreadable[queue]?.contains(id) != true else {
            return false
        }
        filter.unreadable[queue, default: []].append(id)
        unreadableCount += 1
        return true
    }

    /// Reads queues as a whole again in which work of others was last seen a while ago.
    package mutating func forget(at now: SuspendingClock.Instant) {
        for (queue, since) in seen where now - since > Self.memory {
            seen[queue] = nil
            filter.mixed.remove(queue)
        }
    }
}

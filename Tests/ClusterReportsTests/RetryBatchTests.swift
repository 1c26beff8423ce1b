import ClusterOpsTestKit
import Testing

@testable import ClusterModel
@testable import DatabaseTime

@Suite struct RetryBatchTests {
    private func operation(
        _ id: OperationID = .new(),
        state: OperationState = .aborted,
        dependsOn: [OperationID] = [],
        runsAfter: [OperationID] = []
    ) throws -> Operation {
        let time = Timestamp(microseconds: 1_000_000)
        return Operation(
            id: id,
            kind: .command,
            tasks: [BuiltInTask.noop.name],
            queue: try QueueName("any-background"),
            network: nil,
            node: nil,
            interface: nil,
            networkID: nil,
            nodeID: nil,
            parameters: nil,
            dependsOn: dependsOn,
            runsAfter: runsAfter,
            requester: "test",
            deadline: nil,
            maximumAttempts: 1,
            retryOf: nil,
            coalesceKey: nil,
            exclusiveKey: nil,
            state: state,
            unmet: 0,
            enqueuedAt: time,
            readyAt: time,
            deliveries: 0,
            failures: 0,
            deferCount: 0,
            worker: nil,
            foldedInto: nil,
            claimedAt: nil,
            startedAt: nil,
            waited: nil,
            couldRunSince: time,
            foldedAt: nil,
            unfoldedAt: nil,
            unfoldedFrom: nil,
            finishedAt: time,
            cancelRequestedAt: nil,
            cancelRequester: nil,
            attemptHistory: [],
            error: nil,
            result: nil,
            labels: ["a": "1"]
        )
    }

    private func states(_ operations: [Operation]) -> RetryBatch.Dependencies {
        .init(states: Dictionary(uniqueKeysWithValues: operations.map { ($0.id, $0.state) }))
    }

    @Test func `operations that are retried together depend on each other's retries`() throws {
        let root = try operation(state: .error)
        let child = try operation(dependsOn: [root.id])
        let batch = RetryBatch([child, root], dependencies: states([root, child]))
        #expect(batch.refused.isEmpty && batch.deferred.isEmpty && batch.chosen.map(\.old.id) == [child.id, root.id])
        let ids = batch.chosen.map(\.request.id)
        #expect(ids[0] != child.id && batch.chosen[0].request.dependsOn == [ids[1]].compactMap(\.self))
        #expect(batch.chosen[0].request.labels.map(\.description) == ["a=1"])
    }

    @Test func `a dependency that was retried before is replaced by its last retry`() throws {
        let (old, retry) = (OperationID.new(), OperationID.new())
        let child = try operation(dependsOn: [old], runsAfter: [old, .new()])
        let known = RetryBatch.Dependencies(latest: [old: retry], states: [retry: .queued])
        let batch = RetryBatch([child], dependencies: known)
        #expect(batch.chosen[0].request.dependsOn == [retry])
        #expect(batch.chosen[0].request.runsAfter == [retry], "what history has forgotten has ended")
    }

    @Test func `one whose dependency is retried later waits, and so does what depends on it`() throws {
        let later = try operation(state: .error)
        let child = try operation(dependsOn: [later.id])
        let grandchild = try operation(dependsOn: [child.id])
        let free = try operation()
        let batch = RetryBatch(
            [grandchild, child, free],
            dependencies: states([later, child, grandchild]),
            pending: [later.id]
        )
        #expect(batch.chosen.map(\.old.id) == [free.id] && batch.refused.isEmpty)
        #expect(Set(batch.deferred) == [child.id, grandchild.id])
    }

    @Test func `one whose dependency did not complete is refused, with what depends on it`() throws {
        let failed = try operation(state: .error)
        let child = try operation(dependsOn: [failed.id])
        let grandchild = try operation(dependsOn: [child.id])
        let batch = RetryBatch([child, grandchild], dependencies: states([failed, child, grandchild]))
        #expect(batch.chosen.isEmpty && batch.refused.map(\.id) == [child.id, grandchild.id])
        #expect(batch.refused[0].reason.message.contains("\(failed.id)") && batch.refused[0].reason.code == .conflict)
        let ignoring = RetryBatch([child], dependencies: states([failed]), ignoringDependencies: true)
        #expect(ignoring.chosen.map(\.request.dependsOn) == [[]])
    }

    @Test func `what lives, completed or cannot be asked for again is refused, with what depends on it`() throws {
        let (lives, complete) = (try operation(state: .queued), try operation(state: .complete))
        let unfit = try operation(state: .error)
        let child = try operation(dependsOn: [unfit.id])
        let gone = ClusterOpsError(.notFound, "there is no network 'blue'")
        let batch = RetryBatch(
            [lives, complete, unfit, child],
            unfit: [unfit.id: gone],
            dependencies: states([unfit, child])
        )
        #expect(batch.chosen.isEmpty && batch.refused.map(\.id) == [lives.id, complete.id, unfit.id, child.id])
        #expect(batch.refused[2].reason == gone)
    }
}

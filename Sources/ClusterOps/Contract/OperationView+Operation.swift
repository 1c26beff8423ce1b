import Foundation
import MariaDB

extension OperationView {
    /// An operation as its handler gets it, or without what other tables know.
    package init(_ operation: Operation) {
        uuid = operation.id
        kind = operation.kind
        tasks = operation.tasks
        state = operation.state
        queueName = operation.queue
        lane = operation.queue.lane
        dependsOn = operation.dependsOn
        runsAfter = operation.runsAfter
        unmet = operation.unmet
        requester = operation.requester
        attempts = operation.attempts
        maxAttempts = operation.maximumAttempts
        deliveries = operation.deliveries
        deferCount = operation.deferCount
        requests = 1
        enqueuedAt = operation.enqueuedAt
        readyAt = operation.readyAt
        followers = []
        attemptHistory = operation.attemptHistory
        timeline = []
        network = operation.network
        node = operation.node
        interface = operation.interface
        parameters = operation.parameters.flatMap(Self.json)
        deadline = operation.deadline
        retryOf = operation.retryOf
        claimedAt = operation.claimedAt
        startedAt = operation.startedAt
        finishedAt = operation.finishedAt
        waitSeconds = operation.startedAt.map { $0.seconds(since: operation.enqueuedAt) }
        foldedInto = operation.foldedInto
        worker = nil
        error = operation.error
        result = operation.result.flatMap(Self.json)
    }

    private static func json(_ text: String) -> JSONValue? {
        try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
    }
}

extension JSONEncoder {
    /// How the contract's documents are written: sorted keys, so that two answers can be compared.
    package static var contract: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}

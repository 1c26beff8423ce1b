import ChildProcess
import ClusterOpsTestKit
import Foundation
import Glibc
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore
@testable import DatabaseTime

@Suite struct EventCommandTests {
    @Test func `events tells what has happened, oldest first, in one list`() async throws {
        try await withCluster { cluster in
            let noop = OperationRequest(tasks: [BuiltInTask.noop.name])
            let first = try await cluster.queue.enqueue(noop).uuid
            var worker = try cluster.worker()
            _ = try await worker.drain()
            let second = try await cluster.queue.enqueue(noop).uuid
            let run = try await cluster.clusterctl("events", "-o", "json")
            // What stands beside an event depends on it.
            #expect(try Golden("events").differences(from: run.output, open: [".items[]"]) == [])
            let events = try JSONDecoder().decode(ListView<EventView>.self, from: Data(run.output.utf8)).items
            #expect(
                events.filter { $0.uuid == first }.map(\.event.event)
                    == [.enqueued, .ready, .claimed, .startedExecuting, .ended]
            )
            #expect(events.filter { $0.uuid == second }.map(\.event.event) == [.enqueued, .ready])
            #expect(events.map(\.event.at) == events.map(\.event.at).sorted())
            #expect(events.allSatisfy { $0.tasks == [BuiltInTask.noop.name] })
            let none = try await cluster.answer(ListView<EventView>.self, "events", "--since", "1ms")
            #expect(none.items.isEmpty)
        }
    }

    @Test func `events --follow tells each event once, a line each, until it is interrupted`() async throws {
        try await withCluster { cluster in
            let program = try await ClusterCtlProgram.start(
                ["events", "--follow", "--since", "1h", "-o", "json"],
                on: cluster
            )
            func told() throws -> [EventView] {
                try program.standardOutput.text.split(separator: "\n").map {
                    try JSONDecoder().decode(EventView.self, from: Data($0.utf8))
                }
            }
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            try await eventually("it is told") { try told().count >= 2 }
            var worker = try cluster.worker()
            _ = try await worker.drain()
            try await eventually("its end is told") { try told().contains { $0.event.event == .ended } }
            let another = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            try await eventually("the next one is told") { try told().contains { $0.uuid == another } }
            #expect(
                try told().filter { $0.uuid == id }.map(\.event.event)
                    == [.enqueued, .ready, .claimed, .startedExecuting, .ended]
            )
            _ = program.signal(SIGINT)
            let exit = try await program.exit
            #expect(exit == .code(130))
        }
    }
}

@Suite struct AuditCommandTests {
    @Test func `events has the changes of the cluster among the others, by kind and subject`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.clusterctl("node", "add", "h1", "--underlay", "192.0.2.1")
            _ = try await cluster.clusterctl("node", "drain", "h1", "--reason", "disk swap")
            _ = try await cluster.clusterctl("queue", "pause", "h1-*", "--reason", "disk swap")
            let request = OperationRequest(tasks: [BuiltInTask.noop.name], target: .init(node: try NodeName("h1")))
            _ = try await cluster.queue.enqueue(request)
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]))
            func events(_ arguments: String...) async throws -> [String] {
                let list: ListView<EventView> = try await cluster.example(
                    "events",
                    ["events"] + arguments,
                    open: [".items[]"]
                )
                return list.items.map { event in
                    if case .string(let kind) = event.event.details["kind"] { return kind }
                    return event.event.event.rawValue
                }
            }
            let changes = ["node added", "node drained", "queue paused"]
            #expect(try await events().prefix(3) == changes[...])
            #expect(try await events("--kind", "change") == changes)
            #expect(try await events("--kind", "node *") == ["node added", "node drained"])
            #expect(
                try await events("--kind", "queue*", "--kind", "enqueued") == ["queue paused", "enqueued", "enqueued"]
            )
            #expect(try await events("--subject", "h1", "--kind", "enqueued", "--kind", "change").count == 3)
            #expect(try await events("--subject", "h1-*").contains("queue paused"))
            #expect(try await events("--subject", "h7").isEmpty)
            let golden: ListView<EventView> = try await cluster.example(
                "events-change",
                ["events", "--kind", "change"],
                alsoAsTable: true,
                open: [".items[].values"]
            )
            #expect(golden.items.count == 3)
            let text = try await cluster.clusterctl("events", "--kind", "node drained").output
            #expect(text.contains("node drained h1 by "))
            #expect(text.contains(#" (disk swap): roles=["hypervisor"] state=draining underlay_address=192.0.2.1"#))
            let unknown = try await cluster.clusterctl("events", "--kind", "node eaten")
            #expect(unknown.status == 64 && unknown.talk.contains("node drained"), "\(unknown.talk)")
        }
    }
}

@Suite struct EventFeedTests {
    private func time(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }

    @Test func `the lookups of a feed go by an index each`() async throws {
        try await withCluster { cluster in
            try await cluster.fillHistory(20_000)
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 20_000)
            let query = EventStatements.touchedQuery(since: time(1))
            let keys = try await cluster.database.withSession { session in
                try session.query("EXPLAIN \(sql: query)").compactMap { try $0.get("key", as: String?.self) }
            }
            #expect(keys == ["work_by_age", "work_by_session", "finished_list", "finished_by_end"])
        }
    }

    @Test func `an event is told once, however long its operation lives`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            let operation = try await cluster.operation(id)
            let at = operation.enqueuedAt
            func later(_ seconds: Int64) -> Timestamp {
                Timestamp(microseconds: at.microseconds + seconds * 1_000_000)
            }
            var feed = EventFeed(since: at)
            #expect(feed.take([operation], now: later(0)).map(\.event.event) == [.enqueued, .ready])
            #expect(feed.take([], now: later(3600)).isEmpty)
            #expect(feed.take([operation], now: later(3600)).isEmpty)
            var late = EventFeed(since: later(1))
            #expect(late.take([operation], now: later(2)).isEmpty)
        }
    }
}

import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterReports
import Foundation
import MariaDB
import Testing

/// One row that cannot be shown takes no other with it.
@Suite(.timeLimit(.minutes(15))) struct HostileRowTests {
    private func ended(_ cluster: TestCluster, _ count: Int) async throws -> [OperationID] {
        let ids = try await cluster.queue.submit(
            (0..<count).map { _ in OperationRequest(tasks: [BuiltInTask.noop.name], parameters: "{\"n\":1}") }
        ).map(\.uuid)
        var worker = try cluster.worker()
        _ = try await worker.drain()
        return ids
    }

    @Test func `documents that cannot be shown are left out and noted, and every other operation is listed whole`()
        async throws
    {
        try await withCluster { cluster in
            let ids = try await ended(cluster, 6)
            for (id, change) in zip(
                ids,
                [
                    "result = CONCAT('\"', REPEAT('x', 15000000), '\"')",
                    "result = CONCAT(REPEAT('[', 500), REPEAT(']', 500))",
                    "result = 'no JSON'", "attempt_history = '[1]'", "parameters = '{\"a\":1,\"a\":2}'",
                ] as [SQL]
            ) {
                try await cluster.execute("UPDATE finished_operations SET \(sql: change) WHERE id = \(id)")
            }
            let run = try await cluster.clusterctl("op", "list", "-o", "json")
            try #require(run.status == 0, "\(run.talk)")
            #expect(run.output.utf8.count < 100_000)
            let page = try JSONDecoder().decode(OperationPageView.self, from: Data(run.output.utf8))
            #expect(Set(page.items.map(\.uuid)) == Set(ids) && page.unreadable.isEmpty)
            let parts = ["result", "result", "result", "attempt_history", "parameters"]
            for (id, part) in zip(ids, parts) {
                let item = try #require(page.items.first { $0.uuid == id })
                #expect(item.omitted.map(\.part) == [part] && item.result == nil, "\(item.omitted)")
                let show = try await cluster.answer(OperationView.self, "op", "show", "\(id)")
                #expect(show == item)
                let table = try await cluster.clusterctl("op", "show", "\(id)")
                #expect(table.status == 0 && table.output.contains("no \(part)"), "\(table.output)")
                #expect(try await cluster.clusterctl("op", "explain", "\(id)").status == 0)
            }
            let plain = try #require(page.items.first { $0.uuid == ids[5] })
            #expect(plain.omitted.isEmpty && plain.parameters == .object(["n": .integer(1)]))
            let events = try await cluster.answer(ListView<EventView>.self, "events")
            #expect(Set(events.items.map(\.uuid)) == Set(ids))
        }
    }

    @Test func `an operation that cannot be read at all is named beside those that can`() async throws {
        try await withCluster { cluster in
            let ids = try await ended(cluster, 2)
            try await cluster.execute("UPDATE finished_operations SET tasks = '[]' WHERE id = \(ids[0])")
            let page: OperationPageView = try await cluster.example(
                "op-list",
                ["op", "list"],
                open: [".items[].timeline[]", ".items[].parameters", ".items[].labels"]
            )
            #expect(page.items.map(\.uuid) == [ids[1]] && page.unreadable.map(\.uuid) == [ids[0]])
            #expect(page.unreadable.first?.reason.contains("tasks") == true)
            let table = try await cluster.clusterctl("op", "list")
            #expect(table.status == 0 && table.talk.contains("\(ids[0])"), "\(table.talk)")
            let show = try await cluster.clusterctl("op", "show", "\(ids[0])")
            #expect(show.status == 1 && show.talk.contains("tasks"), "\(show.talk)")
            let events = try await cluster.clusterctl("events", "-o", "json")
            #expect(events.status == 0 && events.output.contains("\(ids[1])"))
        }
    }

    @Test func `numbers pass through op enqueue, op submit and op show as they were written`() async throws {
        try await withCluster { cluster in
            let tokens = ["123456789012345678901234567890", "-0.0", "1.0", "1e400"]
            let list = tokens.joined(separator: ",")
            let bulk = try await cluster.clusterctl("op", "enqueue", "noop", "-o", "json", "--parameters", "[\(list)]")
            let enqueued = try JSONDecoder().decode(OperationReceipt.self, from: Data(bulk.output.utf8)).uuid
            #expect(try await cluster.operation(enqueued).parameters == "[\(list)]")
            var shown = [enqueued]
            for document in [
                #"{"operations": [{"ref": "a", "tasks": ["noop"], "parameters": {"n": [\#(list)]}}]}"#,
                "operations:\n  - {ref: a, tasks: [noop], parameters: {n: [\(list)]}}\n",
            ] {
                let run = try await cluster.clusterctl("op", "submit", "-", "-o", "json", input: document)
                try #require(run.status == 0, "\(run.talk)")
                let items = try JSONDecoder().decode(ListView<SubmittedView>.self, from: Data(run.output.utf8)).items
                #expect(try await cluster.operation(items[0].uuid).parameters == "{\"n\":[\(list)]}")
                shown.append(items[0].uuid)
            }
            for id in shown {
                let output = try await cluster.clusterctl("op", "show", "\(id)", "-o", "json").output
                for token in tokens { #expect(output.contains(" \(token)"), "\(output)") }
            }
            for document in [
                #"{"operations": [{"ref": "a", "tasks": ["noop"], "parameters": {"n": 1, "n": 2}}]}"#,
                "operations:\n  - {ref: a, tasks: [noop], parameters: {1: 1, \"1\": 2}}\n",
            ] {
                let run = try await cluster.clusterctl("op", "submit", "-", input: document)
                #expect(run.status == 64 && run.talk.contains("twice"), "\(run.talk)")
            }
            let deep = String(repeating: "[", count: 600) + String(repeating: "]", count: 600)
            for document in [deep, "operations: [{ref: a, tasks: [noop], parameters: \(deep)}]"] {
                let run = try await cluster.clusterctl("op", "submit", "-", input: document)
                #expect(run.status == 64 && run.talk.contains("levels"), "\(run.talk)")
            }
        }
    }
}

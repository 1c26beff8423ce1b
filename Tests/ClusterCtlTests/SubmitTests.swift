import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterReports
import Foundation
import MariaDB
import Testing

@Suite struct SubmitTests {
    @Test(arguments: [
        """
        {"operations": [
            {"ref": "last", "tasks": ["noop"], "depends_on": ["first", "second"], "runs_after": null},
            {"ref": "first", "tasks": ["noop"], "lane": "background", "parameters": {"n": 1, "s": "1", "b": true}},
            {"ref": "second", "tasks": ["noop"], "runs_after": ["first"], "delay": "1h", "deadline": "2h"}]}
        """,
        """
        operations:
          - {ref: last, tasks: [noop], depends_on: [first, second], runs_after: ~}
          - ref: first
            tasks: [noop]
            lane: background
            parameters: {n: 1, s: "1", b: true}
          - {ref: second, tasks: [noop], runs_after: [first], delay: 1h, deadline: 2h}
        """,
    ])
    func `a document in JSON or YAML is enqueued whole, in its order`(_ document: String) async throws {
        try await withCluster { cluster in
            let run = try await cluster.clusterctl("op", "submit", "-", "-o", "json", input: document)
            try #require(run.status == 0, "\(run.talk)")
            #expect(try Golden("op-submit").differences(from: run.output) == [])
            let items = try JSONDecoder().decode(ListView<SubmittedView>.self, from: Data(run.output.utf8)).items
            #expect(items.map(\.ref) == ["last", "first", "second"])
            #expect(items.map(\.state) == [.blocked, .queued, .blocked] && items.allSatisfy { !$0.deduplicated })
            let last = try await cluster.operation(items[0].uuid)
            #expect(last.dependsOn == [items[1].uuid, items[2].uuid] && last.unmet == 2)
            let first = try await cluster.operation(items[1].uuid)
            #expect(first.queue.description == "any-background")
            #expect(first.parameters == #"{"b":true,"n":1,"s":"1"}"#)
            #expect(try await cluster.operation(items[2].uuid).deadline != nil)
        }
    }

    @Test func `edges go to operations that exist, and an id given twice is one operation`() async throws {
        try await withCluster { cluster in
            let existing = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            let own = OperationID.new()
            let document =
                """
                {"operations": [{"ref": "a", "uuid": "\(own)", "tasks": ["noop"], "depends_on": ["\(existing)"]}]}
                """
            for _ in 0..<2 {
                let run = try await cluster.clusterctl("op", "submit", "-", "-o", "json", input: document)
                let items = try JSONDecoder().decode(ListView<SubmittedView>.self, from: Data(run.output.utf8)).items
                #expect(items.map(\.uuid) == [own] && items.map(\.state) == [.blocked])
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 2)
        }
    }

    /// Each with words of its refusal.
    private static let badDocuments = [
        (#"{"operations": [{"ref": "a", "tasks": ["noop"], "depends_on": ["b"]}]}"#, "there is no ref \"b\""),
        (
            #"""
            {"operations": [{"ref": "a", "tasks": ["noop"], "depends_on": ["b"]},
            {"ref": "b", "tasks": ["noop"], "runs_after": ["a"]}, {"ref": "c", "tasks": ["noop"], "depends_on": ["a"]}]}
            """#, "\"a\" waits for \"b\" waits for \"a\""
        ),
        (#"{"operations": [{"ref": "a", "tasks": ["noop"], "depends_on": ["a"]}]}"#, "\"a\" waits for \"a\""),
        (#"{"operations": [{"ref": "a", "tasks": ["noop"]}, {"ref": "a", "tasks": ["noop"]}]}"#, "two operations"),
        (#"{"operations": [{"ref": "a", "tasks": ["noop"], "colour": 1}]}"#, "there is no key \"colour\""),
        (#"{"operations": [{"ref": "a", "tasks": ["noop"], "lane": "fast"}]}"#, "lane"),
        (#"{"operations": [{"ref": "a", "tasks": "noop"}]}"#, "expected a list"),
        (#"{"operations": [{"tasks": ["noop"]}]}"#, "operations[0]"),
        (#"{"operations": []}"#, "one at least"), (#"[1]"#, "\"operations\""), ("{\"a\": [}", "expected JSON or YAML"),
        ("", "found nothing"),
    ]

    @Test func `a bad document is refused by name, and nothing is enqueued`() async throws {
        try await withCluster { cluster in
            for (document, words) in Self.badDocuments {
                let run = try await cluster.clusterctl("op", "submit", "-", input: document)
                #expect(run.status == 64 && run.output == "", "\(document)")
                #expect(run.talk.contains(words), "\(run.talk)")
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
        }
    }

    @Test func `aliases of YAML count each time, and a document has its limit`() async throws {
        try await withFreshSchema { _, configuration in
            var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
            for level in 1...8 {
                bomb +=
                    "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", "))]\n"
            }
            for (input, words) in [
                (bomb, "more than 1000000 values"), (String(repeating: " ", count: 1 << 20 | 1), "1048576"),
            ] {
                let run = try await ClusterCtlProgram.run(["op", "submit", "-"], on: configuration, input: input)
                #expect(run.status == 64 && run.talk.contains(words), "\(run.talk)")
            }
            let missing = try await ClusterCtlProgram.run(["op", "submit", "/nowhere"], on: configuration)
            #expect(missing.status == 64 && missing.talk.contains("/nowhere"))
        }
    }
}

import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterReports
import Foundation
import MariaDB
import Testing

@testable import clusterctl

/// `op logs` as people and scripts see it.
@Suite(.timeLimit(.minutes(15))) struct LogsCommandTests {
    /// An operation that has failed once and completed then, with output of both attempts.
    private func fill(_ cluster: TestCluster) async throws -> OperationID {
        let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
        var worker = try cluster.worker()
        for report in [
            AttemptReport.failed(OperationFailure(code: "command_failed", message: "exit code 1", stderrTail: "no\n")),
            .succeeded(result: nil),
        ] {
            let claims = try await worker.claim()
            try await worker.settle(claims, report)
            try await cluster.execute("UPDATE work_queue SET ready_at = NOW(6)")
        }
        let rows: [(Int, String, [UInt8], Int)] = [
            (1, "stderr", Array("no\n".utf8), 3),
            (2, "stdout", Array("line\n\tnext \u{1b}[31mred\r\n".utf8) + [0xff, 0x0a], 70_000),
            (2, "stderr", Array("open end".utf8), 8),
        ]
        for (delivery, stream, tail, total) in rows {
            try await cluster.execute(
                "INSERT INTO attempt_outputs VALUES (\(id), \(delivery), 0, \(stream), \(tail), \(total))"
            )
        }
        return id
    }

    @Test func `the output is shown line by line, with nothing in it that drives a terminal`() async throws {
        try await withCluster { cluster in
            let id = try await fill(cluster)
            let last = try await cluster.clusterctl("op", "logs", "\(id)")
            #expect(
                last.output == """
                    ==> attempt 2: noop stdout, from byte 69977 <==
                    line
                    \tnext \\u{1b}[31mred\\u{d}
                    \\xff
                    ==> attempt 2: noop stderr <==
                    open end

                    """,
                "\(last.output)"
            )
            #expect(last.status == 0 && last.talk == "clusterctl: attempt 2 on h1 ended with the operation: complete\n")
            let first = try await cluster.clusterctl("op", "logs", "\(id)", "--attempt", "1", "--follow")
            #expect(first.output == "==> attempt 1: noop stderr <==\nno\n")
            #expect(
                first.talk == "clusterctl: attempt 1 on h1 failed: command_failed: exit code 1\n",
                "\(first.talk)"
            )
            let one = try await cluster.clusterctl("op", "logs", "\(id)", "--stream", "stderr", "--follow")
            #expect(one.output == "==> attempt 2: noop stderr <==\nopen end\n")
        }
    }

    @Test func `the JSON has every byte, and a line for each piece when it is followed`() async throws {
        try await withCluster { cluster in
            let id = try await fill(cluster)
            let logs = ["op", "logs", "\(id)"]
            let view: OperationLogView = try await cluster.example("op-logs", logs, alsoAsTable: true)
            #expect(view.delivery == 2 && view.outcome == "complete" && view.node?.description == "h1")
            #expect(view.deliveries == [1, 2] && view.items.map(\.firstByte) == [69_977, 0])
            #expect(view.items.first?.bytes.suffix(2) == [0xff, 0x0a])
            let failed: OperationLogView = try await cluster.example("op-logs", logs + ["--attempt", "1"])
            #expect(failed.outcome == "failed" && failed.error?.code == "command_failed")
            let follow = try await cluster.clusterctl("op", "logs", "\(id)", "--follow", "-o", "json")
            let lines = follow.output.split(separator: "\n")
            #expect(lines.count == 2)
            for line in lines { #expect(try Golden("op-logs-follow").differences(from: String(line)) == []) }
        }
    }

    @Test func `a follower shows what its primary has printed`() async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            let request = OperationRequest(
                tasks: [BuiltInTask.networkApplyUpdateDNSMasq.name],
                target: .init(network: try NetworkName("blue")),
                allowsDedup: false
            )
            let ids = try await [cluster.queue.enqueue(request).uuid, cluster.queue.enqueue(request).uuid]
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            let primary = try #require(claims.first).operation.id
            try await cluster.execute("INSERT INTO attempt_outputs VALUES (\(primary), 1, 0, 'stdout', 'done', 4)")
            try await worker.settle(claims, .succeeded(result: nil))
            for id in ids {
                let run = try await cluster.clusterctl("op", "logs", "\(id)", "--follow")
                #expect(run.status == 0 && run.output.hasSuffix("done\n"), "\(run)")
            }
        }
    }

    @Test func `what is not there is named, and what has printed nothing is no error`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            let waiting = try await cluster.clusterctl("op", "logs", "\(id)")
            #expect(waiting.status == 0 && waiting.output == "" && waiting.talk.contains("no attempt has begun"))
            let refused: [([String], Int32, String)] = [
                ([OperationID.new().description], 3, "there is no operation"),
                (["\(id)", "--attempt", "1"], 3, "has had 0 attempts, there is no attempt 1"),
                (["\(id)", "--attempt", "0"], 64, "--attempt"), (["\(id)", "--stream", "stdlog"], 64, "stdlog"),
            ]
            for (arguments, status, words) in refused {
                let run = try await ClusterCtlProgram.run(["op", "logs"] + arguments, on: cluster.configuration)
                #expect(run.status == status && run.talk.contains(words), "\(arguments): \(run)")
            }
        }
    }

    @Test func `op show and op explain show the end of stderr as lines`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            try await cluster.execute("UPDATE work_queue SET max_attempts = 1")
            let trace = "Traceback:\n  File \"x\u{1b}\"\nValueError\n"
            let failure = OperationFailure(code: "command_failed", message: "exit code 1", stderrTail: trace)
            try await worker.settle(claims, .failed(failure))
            for command in ["show", "explain"] {
                let text = try await cluster.clusterctl("op", command, "\(id)").output
                let lines = text.split(separator: "\n").drop { !$0.hasPrefix("stderr") }.prefix(3)
                let values = lines.map { $0.drop { $0 != " " }.trimmingCharacters(in: .whitespaces) }
                #expect(values == ["Traceback:", #"File "x\u{1b}""#, "ValueError"], "\(command): \(text)")
            }
        }
    }

    @Test func `bytes of every kind are shown without harm`() {
        #expect(Printable.lines(Array("a\nb\n".utf8)) == "a\nb\n")
        #expect(Printable.lines(Array("ü€😀\t|".utf8)) == "ü€😀\t|")
        #expect(Printable.lines([0x61, 0xc3, 0x28, 0xe2, 0x82, 0x00]) == #"a\xc3(\xe2\x82\u{0}"#)
        #expect(Printable.lines(Array("\u{9b}1m\u{202e}\r".utf8)) == #"\u{9b}1m\u{202e}\u{d}"#)
        #expect(Printable.lines([]) == "")
    }
}

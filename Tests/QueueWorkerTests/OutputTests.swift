import ChildProcess
import ClusterModel
import ClusterOpsTestKit
import ClusterReports
import ClusterStore
import Foundation
import MariaDB
import Testing

/// The output of commands: kept while they run and afterwards, and shown wherever somebody asks.
@Suite(.timeLimit(.minutes(15))) struct OutputTests {
    @Test func `what a command has printed is kept, however its attempt ended`() async throws {
        try await withWorkers(
            tasks: [
                "good": "echo out; echo err >&2",
                "bad": "echo wrong >&2; exit 3",
                "later": "echo not yet >&2; test -e \"$0\" && exit 0; touch \"$0\"; exit 75",
                "stuck": "echo hanging; sleep 3000",
                "bytes": "printf 'a\\377\\000\\033[2J'",
                "silent": "exit 0",
            ],
            timeout: "2s"
        ) { cluster, workers in
            try await workers.start("h1")
            func printed(_ task: String, delivery: Int = 1) async throws -> [String: String] {
                let id = try await cluster.enqueueEventually(task)
                _ = try await cluster.end(of: id)
                return try await cluster.printed(id, delivery: delivery)
                    .mapValues { String(decoding: $0, as: UTF8.self) }
            }
            #expect(try await printed("good") == ["stdout": "out\n", "stderr": "err\n"])
            #expect(try await printed("bad") == ["stderr": "wrong\n"])
            #expect(try await printed("stuck") == ["stdout": "hanging\n"])
            #expect(try await printed("silent").isEmpty)
            let later = try await cluster.enqueueEventually("later")
            _ = try await cluster.end(of: later)
            for delivery in 1...2 {
                #expect(try await cluster.printed(later, delivery: delivery) == ["stderr": Array("not yet\n".utf8)])
            }
            let bytes = try await cluster.enqueueEventually("bytes")
            _ = try await cluster.end(of: bytes)
            #expect(try await cluster.printed(bytes)["stdout"] == [0x61, 0xff, 0, 0x1b, 0x5b, 0x32, 0x4a])
            let rows = try await cluster.count("SELECT COUNT(*) FROM attempt_outputs")
            #expect(rows == 7, "nothing is written for a command that prints nothing")
        }
    }

    @Test func `a hundred megabytes of output cost the last 64 KiB of them, in memory and in the database`()
        async throws
    {
        let flood = "head -c 100000000 /dev/zero | tr '\\0' x; echo end"
        try await withWorkers(tasks: ["flood": flood, "noop2": "true"]) { cluster, workers in
            let worker = try await workers.start("h1")
            _ = try await cluster.end(of: try await cluster.enqueueEventually("noop2"))
            let before = try peakKilobytes(of: worker.pid)
            let id = try await cluster.enqueueEventually("flood")
            let ended = try await cluster.end(of: id)
            #expect(ended.state == .complete && ended.result == nil && ended.omitted.isEmpty)
            let grown = try peakKilobytes(of: worker.pid) - before
            print("the worker's memory grew by \(grown) KiB")
            #expect(grown < 16_384)
            let tail = try #require(try await cluster.printed(id)["stdout"])
            #expect(tail.count == 65_536 && tail.suffix(5) == Array("xend\n".utf8)[...])
            #expect(try await cluster.count("SELECT total_bytes FROM attempt_outputs") == 100_000_004)
        }
    }

    /// The most memory that a process has had.
    private func peakKilobytes(of pid: Int32) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        return try #require(status.firstMatch(of: /VmHWM:\s+(\d+) kB/).flatMap { Int($0.output.1) })
    }

    @Test func `who follows sees what a command on another node prints while it prints, and its end`() async throws {
        let script = "echo one; until [ -e \"$0.go\" ]; do sleep 0.02; done; echo two; echo three >&2"
        try await withWorkers(tasks: ["talk": script]) { cluster, workers in
            try await workers.start("h2")
            let id = try await cluster.enqueueEventually("talk")
            try await eventually("it runs") { try await cluster.operation(id).state == .executing }
            let follower = try await workers.printing("op", "logs", "\(id)", "--follow")
            try await eventually("the beginning is seen") { follower.standardOutput.text.contains("one\n") }
            #expect(try await cluster.operation(id).state == .executing, "while the command runs")
            #expect(FileManager.default.createFile(atPath: "\(workers.scratchPath).go", contents: nil))
            #expect(try await follower.exit == .code(0))
            let text = follower.standardOutput.text
            #expect(
                text == "==> attempt 1: talk stdout <==\none\ntwo\n==> attempt 1: talk stderr <==\nthree\n",
                "\(text)"
            )
            let talk = follower.standardError.text
            #expect(talk == "clusterctl: attempt 1 on h2 ended with the operation: complete\n", "\(talk)")
        }
    }

    @Test func `who follows is told of the loss of the worker, and sees the next attempt`() async throws {
        let script = "echo \"run of $CLUSTEROPS_NODE\"; echo >> \"$0\"; test $(wc -l < \"$0\") -gt 1 || sleep 3000"
        try await withWorkers(tasks: ["slow": script]) { cluster, workers in
            let first = try await workers.start("h1")
            let id = try await cluster.enqueueEventually("slow")
            try await eventually("it runs") { workers.scratch == "\n" }
            let follower = try await workers.printing("op", "logs", "\(id)", "--follow", "-o", "json")
            let ofFirst = try await workers.printing("op", "logs", "\(id)", "--follow", "--attempt", "1")
            try await eventually("it is seen") { follower.standardOutput.text.contains("run of h1") }
            first.signal(SIGKILL)
            try await eventually("the loss is told") {
                follower.standardError.text.contains("the worker of attempt 1 on h1 is gone")
            }
            try await workers.start("h2")
            #expect(try await ofFirst.exit == .code(0))
            let last = ofFirst.standardError.text.split(separator: "\n").last
            // By the time of that read the next attempt may have ended the operation.
            #expect(last?.hasPrefix("clusterctl: attempt 1 on h1 ended when its worker died") == true, "\(last ?? "")")
            #expect(try await follower.exit == .code(0))
            let pieces = try follower.standardOutput.text.split(separator: "\n").map {
                try JSONDecoder().decode(OutputView.self, from: Data($0.utf8))
            }
            #expect(pieces.map(\.delivery) == [1, 2])
            #expect(
                pieces.map { String(decoding: $0.bytes, as: UTF8.self) } == ["run of h1\n", "run of h2\n"]
            )
            #expect(follower.standardError.text.hasSuffix("attempt 2 on h2 ended with the operation: complete\n"))
        }
    }

    @Test func `every end of an attempt is one log line, failures as warnings or errors`() async throws {
        let slow = "echo >> \"$0\"; test $(wc -l < \"$0\") -gt 1 || sleep 3000"
        try await withWorkers(
            tasks: [
                "good": "true", "bad": "exit 3",
                "later": "test -e \"$0.l\" && exit 0; touch \"$0.l\"; exit 75", "slow": slow,
            ],
            attempts: 2
        ) { cluster, workers in
            let first = try await workers.start("h1")
            let ids = try await [
                cluster.enqueueEventually("good"), cluster.enqueueEventually("bad"), cluster.enqueueEventually("later"),
            ]
            for id in ids { _ = try await cluster.end(of: id) }
            try await eventually("every end is logged") { try ends(in: first.log).count >= 5 }
            let logged = try ends(in: first.log)
            func outcomes(of id: OperationID) -> [String] {
                logged.filter { $0.operation == id }
                    .map { "\($0.level) \($0.outcome) \($0.attempt)/\($0.delivery) \($0.errorCode ?? "-")" }
            }
            #expect(outcomes(of: ids[0]) == ["info succeeded 1/1 -"])
            #expect(outcomes(of: ids[1]) == ["warning failed 1/1 command_failed", "error failed 2/2 command_failed"])
            #expect(outcomes(of: ids[2]) == ["info deferred 1/1 -", "info succeeded 1/2 -"])
            #expect(logged.allSatisfy { $0.runSeconds >= 0 && $0.waitSeconds >= 0 && $0.node == "h1" })
            #expect(logged.map(\.tasks).sorted() == ["bad", "bad", "good", "later", "later"])

            let lost = try await cluster.enqueueEventually("slow")
            try await eventually("it runs") { workers.scratch == "\n" }
            let second = try await workers.start("h2")
            try await eventually("the second worker has its session") {
                try await cluster.count("SELECT COUNT(*) FROM sessions WHERE node_name = 'h2'") == 1
            }
            first.signal(SIGKILL)
            _ = try await cluster.end(of: lost)
            try await eventually("the end is logged") { try ends(in: second.log).count >= 2 }
            let later = try ends(in: second.log).filter { $0.operation == lost }
            #expect(later.map { "\($0.level) \($0.outcome) \($0.node)" } == ["warning reaped h1", "info succeeded h2"])
        }
    }

    /// One line of the log on an attempt's end.
    private struct End: Decodable {
        let level: String
        let message: String
        let operation: OperationID
        let tasks: String
        let outcome: String
        let attempt: Int
        let delivery: Int
        let node: String
        let runSeconds: Double
        let waitSeconds: Double
        let errorCode: String?
    }

    private func ends(in log: String) throws -> [End] {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try log.split(separator: "\n")
            .filter { $0.contains(#""message":"attempt ended""#) && $0.hasSuffix("}") }
            .map { try decoder.decode(End.self, from: Data($0.utf8)) }
    }
}

extension TestCluster {
    /// The kept output of an attempt, by stream.
    fileprivate func printed(_ id: OperationID, delivery: Int = 1) async throws -> [String: [UInt8]] {
        try await database.withSession { session in
            let totals = try OutputStatements.totals(of: id, delivery: delivery, on: session)
            let tails = try totals.compactMap {
                try OutputStatements.tail(of: id, delivery: delivery, $0, after: 0, on: session)
            }
            return Dictionary(uniqueKeysWithValues: tails.map { ($0.stream.rawValue, $0.bytes) })
        }
    }
}

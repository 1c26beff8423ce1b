import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

/// Exit 0 is success, whatever was printed.
@Suite(.timeLimit(.minutes(15))) struct ResultTests {
    @Test func `a command that exits 0 is complete after one run, however much it prints and whatever it is`()
        async throws
    {
        let one = "['['*499+']'*499]"
        try await withWorkers(
            tasks: [
                "chatty": "echo ran >> \"$0\"; yes 'copying a block of the image' | head -c 200000",
                "broken": "printf '{\"a\": '",
                "half": "printf '[1, 2] and more'",
                "long": "printf '[\"'; head -c 100000 /dev/zero | tr '\\0' x; printf '\"]'",
                "deep": "printf '%0.s[' {1..500}; printf '%0.s]' {1..500}",
                "costly": "python3 -c \"print('[' + ','.join(\(one) * 60) + ']', end='')\" | head -c 65536",
                "twice": "echo '{\"a\":1,\"b\":2,\"a\":3}'",
                "plain": "echo ' {\"n\":123456789012345678901234567890,\"z\":-0.0,\"one\":1.0} '",
            ]
        ) { cluster, workers in
            try await workers.start("h1")
            var ids: [String: OperationID] = [:]
            for task in ["chatty", "broken", "half", "long", "deep", "costly", "twice", "plain"] {
                ids[task] = try await cluster.enqueueEventually(task)
            }
            for (task, words) in [
                ("chatty", nil), ("broken", nil), ("half", nil), ("long", "65536"), ("deep", "32 levels"),
                ("costly", "32 levels"), ("twice", "\"a\""),
            ] as [(String, String?)] {
                let ended = try await cluster.end(of: try #require(ids[task]))
                #expect(ended.state == .complete && ended.deliveries == 1 && ended.attempts == 1, "\(task)")
                #expect(ended.result == nil && ended.omitted.map(\.part) == (words == nil ? [] : ["result"]), "\(task)")
                guard let words else { continue }
                #expect(ended.omitted.first?.reason.contains(words) == true, "\(task): \(ended.omitted)")
            }
            #expect(workers.scratch == "ran\n")
            let plain = try await cluster.end(of: try #require(ids["plain"]))
            #expect(plain.result == " {\"n\":123456789012345678901234567890,\"z\":-0.0,\"one\":1.0} \n")
            #expect(plain.omitted.isEmpty)
        }
    }

    @Test func `a command reads the numbers of its parameters as they were sent`() async throws {
        try await withWorkers(tasks: ["echo": "cat > \"$0\""]) { cluster, workers in
            try await workers.start("h1")
            let parameters = "{\"big\":123456789012345678901234567890,\"one\":1.0,\"zero\":-0.0}"
            let id = try await cluster.enqueueEventually("echo", parameters: parameters)
            #expect(try await cluster.end(of: id).state == .complete)
            #expect(workers.scratch.contains("\"parameters\":\(parameters)"), "\(workers.scratch)")
        }
    }

    @Test func `a command is not run without parameters that it should have`() async throws {
        try await withWorkers(tasks: ["echo": "cat > \"$0\""]) { cluster, workers in
            try await cluster.register("echo")
            let request = OperationRequest(tasks: [try TaskName("echo")], parameters: "{\"a\":1}")
            let id = try await cluster.queue.enqueue(request).uuid
            try await cluster.execute("UPDATE work_queue SET parameters = '{\"a\":1,\"a\":2}', max_attempts = 1")
            try await workers.start("h1")
            let ended = try await cluster.end(of: id)
            #expect(ended.state == .error && ended.error?.code == "unreadable_parameters")
            #expect(workers.scratch == "")
        }
    }
}

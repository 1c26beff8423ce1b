import ClusterOpsTestKit
import Foundation
import Testing

/// Sessions at a terminal, command by command, held against what `Sessions` has of them.
@Suite(.timeLimit(.minutes(15))) struct TranscriptTests {
    @Test(arguments: [80, 120])
    func `every table looks as it did`(columns: Int) async throws {
        try await withCluster { cluster in
            let expected = try Transcript(columns: columns)
            var (actual, ids) = ("", StableIDs())
            for command in expected.commands {
                let shown = try await cluster.terminal(ids.real(command), columns: columns)
                actual += "$ clusterctl \(command)\n\(ids.stable(shown.text))"
            }
            #expect(actual == expected.text, "\n\(actual)")
        }
    }

    @Test func `no answer has colours where there is no terminal`() async throws {
        try await withCluster { cluster in
            for command in try Transcript(columns: 80).commands where !command.contains("0000-0000") {
                let run = try await ClusterCtlProgram.run(
                    command.split(separator: " ").map(String.init),
                    on: cluster.configuration,
                    environment: ["TERM": "xterm-256color"]
                )
                #expect(!run.output.contains("\u{1b}") && !run.talk.contains("\u{1b}"), "\(command)")
            }
        }
    }
}

/// A session that was looked at and found good.
private struct Transcript {
    let text: String

    init(columns: Int) throws {
        let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Sessions")
        text = try String(contentsOf: directory.appendingPathComponent("\(columns).txt"), encoding: .utf8)
    }

    /// What was typed after `clusterctl`.
    var commands: [String] {
        text.split(separator: "\n").filter { $0.hasPrefix("$ clusterctl ") }
            .map { String($0.dropFirst("$ clusterctl ".count)) }
    }
}

/// Gives ids, times and this machine's names values that are the same in every run.
private struct StableIDs {
    private var numbers: [String: Int] = [:]

    private static func number(_ number: Int) -> String {
        let digits = String(number)
        return "00000000-0000-0000-0000-" + String(repeating: "0", count: 12 - digits.count) + digits
    }

    mutating func stable(_ text: String) -> String {
        let ids = text.matches(of: /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/).map {
            String($0.output)
        }
        for id in ids where numbers[id] == nil { numbers[id] = numbers.count + 1 }
        return ids.reduce(text) { $0.replacing($1, with: Self.number(numbers[$1] ?? 0)) }
            .replacing(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}(?!-)/) { short in
                let number = numbers.first { $0.key.hasPrefix(short.output) }?.value ?? 0
                return Self.number(number).suffix(12).prefix(8) + "-0000-" + Self.number(number).suffix(4)
            }
            .replacing(#/^\d\d:\d\d:\d\d  /#.anchorsMatchLineEndings(), with: "12:00:00  ")
            .replacing(/20\d\d-\d\d-\d\dT[\d:.]*[Z…]/) { time in
                "2026-03-01T12:00:00.000000Z".prefix(time.output.count - 1) + time.output.suffix(1)
            }
            .replacing(/\d+(\.\d+)? s\b/, with: "0 s")
            .replacing(/\b(\d+)s\b/) { "0s" + String(repeating: " ", count: $0.output.1.count - 1) }
            .replacing(/\ncluster .*\n(?: .*\n)*/, with: "\ncluster       clusterops at db1:3306\n")
            .replacing(/requester( +)\S+/) { "requester\($0.output.1)alice@admin" }
            .replacing(/requester=\S+/, with: "requester=alice@admin")
            // What was shown in place is gone; `TerminalTests` has a test of it.
            .replacing(/\r\x1b\[K(\d+ of \d+ ended[^\r]*)?/, with: "")
    }

    func real(_ command: String) -> String {
        numbers.reduce(command) { $0.replacing(Self.number($1.value), with: $1.key) }
    }
}

import ArgumentParser
import ClusterModel
import ClusterOpsTestKit
import Testing

@testable import DatabaseTime
@testable import clusterctl

/// What people and scripts give to clusterctl, and what it shows, may be anything.
@Suite(.timeLimit(.minutes(15))) struct ClusterCtlFuzzTests {
    private static let documents = [
        #"{"operations": [{"ref": "a", "tasks": ["noop"], "delay": "1h", "labels": {"x": "y"}},"#
            + #" {"ref": "b", "tasks": ["noop"], "depends_on": ["a"], "parameters": {"n": 1.0}}]}"#,
        """
        operations:
          - ref: last
            tasks: [noop]
            runs_after: &first [first]
            lane: background
            deadline: 2h
          - {ref: first, tasks: [noop], network: blue, node: h1, parameters: {n: +1, m: .5e3, t: "1"}}
          - {ref: second, tasks: [noop], runs_after: *first, uuid: 0190163d-8694-739b-aea5-966c26f8ad91}
        """,
    ]
    private static let pieces = [
        "operations", ":", ": ", "\n", "  ", "- ", "[", "]", "{", "}", "\"", "'", "&a ", "*a", "!!str ", "? ", "ref",
        "tasks", "noop", "depends_on", "#", "|", ">", "4", "~", "<<: ", "---\n", ",", "\u{1b}", "\0", "\u{202e}",
    ]

    @Test func `no document makes its reader trap, and a refusal is a line of plain text`() {
        let fuzz = Fuzz("submitted document", oneIn: 2) { random in
            let text =
                Int.random(in: 0..<4, using: &random) == 0
                ? random.text(alphabet: Self.pieces, longest: 24) : random.text(like: Self.documents)
            do throws(ClusterOpsError) {
                let graph = try SubmittedGraph(try DocumentReader.read(text, from: "d"))
                let known = Set(graph.requests.compactMap(\.id))
                let isWhole = graph.refs.count == graph.requests.count && known.count == graph.requests.count
                return isWhole ? .accepted : .wrong("\(text.debugDescription) is read as \(graph.requests)")
            } catch {
                let isPlain = error.code == .invalid && !error.message.hasHiddenCharacters
                return isPlain ? .refused : .wrong("\(text.debugDescription): \(error.message.debugDescription)")
            }
        }
        #expect(fuzz.complaints == [])
        #expect(fuzz.accepted > 0)
    }

    @Test func `no command line makes its parser trap, and what is said of it is plain text`() {
        let lines = [
            "op enqueue noop --lane background --delay 1s --depends-on 0190163d-8694-739b-aea5-966c26f8ad91",
            "op enqueue noop --label a=b",
            "op list --state queued --task noop --queue any-* --since 1h --older-than 7d -o json",
            "op cancel --label a=b --yes", "queue pause h1-* --reason x", "network add blue --vni 7 --cidr 10.9.0.0/24",
            "interface float 0190163d-8694-739b-aea5-966c26f8ad91 --port tcp/80", "node drain h1 --reason x --wait",
            "--config c.yaml status", "events --since 1h",
        ].map { $0.split(separator: " ").map(String.init) }
        let words = lines.flatMap(\.self)
        let fuzz = Fuzz("command line", oneIn: 40) { random in
            var line = lines.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let place = Int.random(in: 0...line.count, using: &random)
                if Bool.random(using: &random), place < line.count {
                    line[place] = random.text(like: words)
                } else {
                    line.insert(random.text(like: words), at: place)
                }
            }
            let arguments = LeadingOptions.moved(in: line, of: ClusterCtl.self)
            do {
                _ = try ClusterCtl.parseAsRoot(arguments)
                return .accepted
            } catch {
                let failure = Failure(error, of: ClusterCtl.self, arguments: arguments)
                let hidden = failure.messages.first { Printable.escaped($0).hasHiddenCharacters }
                return hidden.map { .wrong("\(line): \($0)") } ?? .refused
            }
        }
        #expect(fuzz.complaints == [])
        #expect(fuzz.accepted > 0)
    }

    @Test func `what a program printed is shown as lines without hidden characters, and in cells of a line each`() {
        let samples = ["plain\nlines\tof text\n", "\u{1b}[2J\u{9b}1m\u{202e}\u{2028}é€😀\r\n", "\0"].map {
            Array($0.utf8)
        }
        let fuzz = Fuzz("printed output") { random in
            let bytes = random.bytes(like: samples)
            let shown = Printable.lines(bytes)
            let lines = shown.split(separator: "\n", omittingEmptySubsequences: false)
            guard lines.count == bytes.count(where: { $0 == 0x0a }) + 1,
                lines.allSatisfy({ !$0.replacing("\t", with: "").hasHiddenCharacters })
            else { return .wrong("\(bytes) is shown as \(shown.debugDescription)") }
            let text = String(decoding: bytes, as: UTF8.self)
            let table = TextTable(["A", .prose("B")], rows: [[text, text], [nil, text]])
            let width = Int.random(in: 1...200, using: &random)
            let rows = table.lines(width: width, now: Timestamp(microseconds: 0)).map(\.text)
            return rows.contains { $0.hasHiddenCharacters } ? .wrong("\(bytes) in a table: \(rows)") : .accepted
        }
        #expect(fuzz.complaints == [])
    }
}

extension StringProtocol {
    fileprivate var hasHiddenCharacters: Bool { String(self).hasHiddenCharacters }
}

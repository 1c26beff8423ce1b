import Foundation
import Glibc
import Logging
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterModel
@testable import DatabaseTime

@Suite(.timeLimit(.minutes(15))) struct LogTests {
    private let hostile = "a\nb\r\u{1b}[2J\u{9b}1m\u{0}\"\\\u{7f}\u{202e}\u{2028}\u{e0041}ü€😀"

    @Test func `a JSON line has time, level, label and message in front, then the metadata by key`() {
        let line = LogFormat.json.line(record("started", ["zone": "z", "alpha": "a"]))
        #expect(
            line
                == #"{"time":"2026-11-21T03:00:00.000123Z","level":"notice","label":"test","message":"started","#
                + #""alpha":"a","zone":"z"}"# + "\n"
        )
    }

    @Test func `whatever is logged, a JSON line is one line of plain characters that reads back the same`() throws {
        let line = LogFormat.json.line(record(hostile, [hostile: .string(hostile)]))
        #expect(line.hasSuffix("\n") && isHarmless(line.dropLast()))
        let object = try parse(line)
        #expect(object["message"] as? String == hostile)
        #expect(object[hostile] as? String == hostile)
    }

    @Test func `numbers and truth values stay such, lists and dictionaries too, and all else is text`() throws {
        let line = LogFormat.json.line(
            record(
                "m",
                [
                    "count": .stringConvertible(42), "seconds": .stringConvertible(0.25),
                    "endless": .stringConvertible(Double.infinity), "deduplicated": .stringConvertible(true),
                    "list": ["a", ["k": "v\""]], "lane": .stringConvertible(Lane.userFacing),
                ]
            )
        )
        #expect(line.contains(#""count":42,"#) && line.contains(#""seconds":0.25"#))
        #expect(line.contains(#""deduplicated":true,"#) && line.contains(#""endless":"inf""#))
        #expect(line.contains(#""list":["a",{"k":"v\""}]"#) && line.contains(#""lane":"user_facing""#))
        _ = try parse(line)
    }

    @Test func `metadata cannot pass for the level or the message, and no key comes twice`() throws {
        let line = LogFormat.json.line(record("true", ["message": "forged", "level": "x", "_level": "y"]))
        let object = try parse(line)
        #expect(object["message"] as? String == "true" && object["_message"] as? String == "forged")
        #expect(object["level"] as? String == "notice")
        #expect(object["_level"] as? String == "y" && object["__level"] as? String == "x")
        #expect(line.components(separatedBy: #""_level""#).count == 2)
    }

    @Test func `a value that is too long is cut, in both formats`() throws {
        let long = String(repeating: "x", count: 1_000_000)
        let object = try parse(LogFormat.json.line(record(long, ["key": .string(long)])))
        let cut = String(repeating: "x", count: LogText.longestValue) + "…"
        #expect(object["message"] as? String == cut && object["key"] as? String == cut)
        #expect(LogFormat.text.line(record("m", ["key": .string(long)])).contains("key=\(cut)\n"))
    }

    @Test func `text for people has time, level, message and quoted values where they need it`() {
        let line = LogFormat.text.line(record("started", ["address": "10.0.0.1:5", "reason": "no \"route\"", "x": ""]))
        let expected = #"2026-11-21T03:00:00.000123Z notice   started address=10.0.0.1:5 reason="no \"route\"" x="""#
        #expect(line == expected + "\n")
    }

    @Test func `whatever is logged, a line of text neither forges a line nor moves the cursor`() {
        let line = LogFormat.text.line(record(hostile, [hostile: .string(hostile)]))
        #expect(line.hasSuffix("\n") && isHarmless(line.dropLast()))
        #expect(line.contains(#"a\nb\r\u{1b}[2J\u{9b}1m\u{0}"#) && line.contains("ü€😀"))
    }

    @Test func `each entry is one write, with the metadata of logger, provider, entry and error`() throws {
        try withDescriptors(socketpair) { reader, writer in
            var handler = LineLogHandler(label: "test", format: .json, sink: LogSink(descriptor: writer))
            handler.metadataProvider = Logger.MetadataProvider { ["b": "provider", "c": "provider", "d": "provider"] }
            var logger = Logger(label: "test", factory: { _ in handler })
            logger[metadataKey: "a"] = "logger"
            logger[metadataKey: "b"] = "logger"
            logger.debug("below the level")
            logger.info("first", metadata: ["c": "entry"])
            logger.error("second", error: Failure(), metadata: ["c": "entry"])
            // Every read of such a socket gives what one write put into it.
            let first = try parse(read(reader))
            #expect(["a", "b", "c", "d"].map { first[$0] as? String } == ["logger", "provider", "entry", "provider"])
            #expect(first["message"] as? String == "first" && first["error"] == nil)
            let second = try parse(read(reader))
            #expect(second["error"] as? String == "it broke")
        }
    }

    @Test func `lines of many threads never mix, also when the descriptor does not block`() throws {
        try withDescriptors(pipe) { reader, writer in
            #expect(fcntl(writer, F_SETFL, O_NONBLOCK) == 0)
            let (threads, lines) = (8, 200)
            let sink = LogSink(descriptor: writer)
            // Longer than PIPE_BUF, up to which the kernel keeps a write whole by itself; all together more than a pipe holds.
            let text = String(repeating: "x", count: 6000)
            for thread in 0..<threads {
                Thread.detachNewThread {
                    for line in 0..<lines { sink.write("\(thread) \(line) \(text)\n") }
                }
            }
            var seen: [[Int]] = Array(repeating: [], count: threads)
            var buffer = ""
            while seen.joined().count < threads * lines {
                buffer += read(reader)
                while let end = buffer.utf8.firstIndex(of: UInt8(ascii: "\n")) {
                    let parts = buffer[..<end].split(separator: " ")
                    buffer = String(buffer[buffer.utf8.index(after: end)...])
                    try #require(parts.count == 3 && parts[2] == text)
                    seen[try #require(Int(parts[0]))].append(try #require(Int(parts[1])))
                }
            }
            #expect(seen.allSatisfy { $0 == Array(0..<lines) })
        }
    }

    @Test func `a log that nobody reads any more harms nobody`() throws {
        try withDescriptors(socketpair) { reader, writer in
            shutdown(reader, Int32(SHUT_RDWR))
            // The signal is the daemon's to ignore; here it would end the tests.
            signal(SIGPIPE, SIG_IGN)
            LogSink(descriptor: writer).write("lost\n")
        }
    }

    @Test func `what is not a terminal gets JSON`() throws {
        try withDescriptors(pipe) { _, writer in #expect(LogFormat.suited(to: writer) == .json) }
    }

    @Test func `the journal gets JSON behind the level, and no other descriptor does`() throws {
        try withDescriptors(pipe) { _, writer in
            var status = stat()
            try #require(fstat(writer, &status) == 0)
            let own = "\(status.st_dev):\(status.st_ino)"
            #expect(LogFormat.suited(to: writer, journal: own) == .journal)
            for other in ["\(status.st_dev):\(status.st_ino + 1)", "", "8", "\(own) "] {
                #expect(LogFormat.suited(to: writer, journal: other) == .json, "\(other)")
            }
        }
        let levels: [(Logger.Level, String)] = [
            (.critical, "<2>"), (.error, "<3>"), (.warning, "<4>"), (.notice, "<5>"), (.info, "<6>"), (.debug, "<7>"),
            (.trace, "<7>"),
        ]
        for (level, prefix) in levels {
            let record = record("m", [:], level)
            #expect(LogFormat.journal.line(record) == prefix + LogFormat.json.line(record))
        }
    }

    @Test func `a terminal gets text`() throws {
        let terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        try #require(terminal >= 0)
        defer { close(terminal) }
        #expect(LogFormat.suited(to: terminal) == .text)
    }

    private struct Failure: Error, CustomStringConvertible {
        let description = "it broke"
    }

    private func record(
        _ message: String,
        _ metadata: Logger.Metadata,
        _ level: Logger.Level = .notice
    ) -> LogRecord {
        LogRecord(
            time: Timestamp(microseconds: 1_795_230_000_000_123),
            level: level,
            label: "test",
            message: message,
            metadata: [metadata]
        )
    }

    private func parse(_ line: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    private func isHarmless(_ text: Substring) -> Bool {
        text.unicodeScalars.allSatisfy { (" "..."~").contains($0) || "ü€😀".unicodeScalars.contains($0) }
    }

    private func withDescriptors(
        _ make: (UnsafeMutablePointer<Int32>) -> Int32,
        _ body: (_ reader: Int32, _ writer: Int32) throws -> Void
    ) throws {
        var ends: [Int32] = [0, 0]
        try #require(make(&ends) == 0)
        defer { for end in ends { close(end) } }
        try body(ends[0], ends[1])
    }

    private func socketpair(_ ends: UnsafeMutablePointer<Int32>) -> Int32 {
        Glibc.socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, ends)
    }

    private func read(_ descriptor: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}

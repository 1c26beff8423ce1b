import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore
@testable import DatabaseTime

/// The lines for a reader of an operation's output; without a database.
@Suite struct LogFollowerTests {
    private func tail(_ bytes: [UInt8], of total: Int, _ stream: StandardStream = .stdout) -> OutputTail {
        OutputTail(place: 0, stream: stream, bytes: bytes, total: total)
    }

    private func record(_ delivery: Int, _ outcome: AttemptRecord.Outcome) throws -> AttemptRecord {
        AttemptRecord(
            delivery: delivery,
            outcome: outcome,
            node: try NodeName("h\(delivery)"),
            session: nil,
            startedAt: nil,
            endedAt: Timestamp(microseconds: 1),
            error: nil
        )
    }

    @Test func `what was printed is told once, in order, and what is not kept is passed over`() throws {
        let operation = try Operation.example(.executing, deliveries: 1)
        var cursor = LogCursor(delivery: 1)
        let whole = Array("one\ntwo\nthree\n".utf8)
        let first = cursor.take(tail(Array(whole.prefix(4)), of: 4), of: operation, isLast: false)
        #expect(first?.firstByte == 0 && first?.bytes == Array("one\n".utf8) && first?.task?.description == "noop")
        #expect(cursor.take(tail(Array(whole.prefix(4)), of: 4), of: operation, isLast: false) == nil)
        // The whole tail, although the beginning was told.
        let second = cursor.take(tail(Array(whole.prefix(8)), of: 8), of: operation, isLast: false)
        #expect(second?.firstByte == 4 && second?.bytes == Array("two\n".utf8))
        // More has come than is kept.
        let third = cursor.take(tail(Array("end\n".utf8), of: 1000), of: operation, isLast: true)
        #expect(third?.firstByte == 996 && third?.totalBytes == 1000 && third?.bytes == Array("end\n".utf8))
        #expect(cursor.known(.init(place: 0, stream: .stdout, bytes: 0)) == 1000)
        #expect(cursor.known(.init(place: 0, stream: .stderr, bytes: 0)) == 0)
    }

    @Test func `the first line of a command is seen within a second, however much else its worker writes`() throws {
        func key() -> PrintingPace.Key { PrintingPace.Key(operation: .new(), place: 0, stream: .stdout) }
        // All print without end; some have just begun, too.
        let (floods, beginners, line) = ((0..<40).map { _ in key() }, (0..<10).map { _ in key() }, key())
        var (pace, now) = (PrintingPace(), SuspendingClock.now)
        func look(_ others: [PrintingPace.Key], turn: Int, hasLine: Bool = false) -> Set<PrintingPace.Key> {
            let total = turn * OutputTail.mostBytes
            now += PrintingPace.pause
            let due = pace.due(others.map { ($0, total) } + (hasLine ? [(line, 20)] : []), at: now)
            for key in due { pace.wrote(key, total: key == line ? 20 : total, at: now) }
            return Set(due)
        }
        for turn in 1...40 { _ = look(floods, turn: turn) }
        // Printed a moment after a look, it is written at the next one; a moment after that the follower has looked.
        #expect(look(floods + beginners, turn: 41, hasLine: true).contains(line))
        #expect(
            PrintingPace.pause + ClusterConnection.logPace <= .milliseconds(500),
            "the statements have as long again"
        )
        var follower = LogFollower(attempt: nil)
        let running = LogFollower.Look(operation: try Operation.example(.executing, deliveries: 1), isWorkerGone: false)
        #expect(try follower.begin(running) != nil && follower.take([tail([0x61], of: 1)], running).count == 1)
        #expect(follower.next(running) == .wait)
    }

    @Test(arguments: 1...12) func `a character is told whole, however its bytes came`(size: Int) throws {
        let operation = try Operation.example(.executing, deliveries: 1)
        let whole = Array("aß€😀z".utf8)
        var cursor = LogCursor(delivery: 1)
        var told: [UInt8] = []
        for end in stride(from: size, to: whole.count + size, by: size) {
            let sofar = Array(whole.prefix(end))
            guard let piece = cursor.take(tail(sofar, of: sofar.count), of: operation, isLast: false) else { continue }
            #expect(String(validating: piece.bytes, as: UTF8.self) != nil && piece.firstByte == told.count)
            told += piece.bytes
        }
        #expect(told == whole)
    }

    @Test func `bytes that are no character are told as they are, at the end at the latest`() throws {
        let operation = try Operation.example(.executing, deliveries: 1)
        var cursor = LogCursor(delivery: 1)
        let broken = cursor.take(tail([0xff, 0x80, 0xe2, 0x82], of: 4), of: operation, isLast: false)
        #expect(broken?.bytes == [0xff, 0x80])
        #expect(cursor.take(tail([0xe2, 0x82], of: 4), of: operation, isLast: true)?.bytes == [0xe2, 0x82])
        // A tail that begins in a character.
        var other = LogCursor(delivery: 1)
        let piece = other.take(tail([0x82, 0xac, 0x61], of: 70_000), of: operation, isLast: true)
        #expect(piece?.bytes == [0x61] && piece?.firstByte == 69_999)
    }

    @Test func `bytes that are UTF-8 are text in JSON, others are base64, and both read back`() throws {
        for (bytes, text, base64) in [
            (Array("a\u{1b}ü\n".utf8), "a\u{1b}ü\n", nil), ([0xff, 0], nil, "/wA="),
        ] as [([UInt8], String?, String?)] {
            let view = OutputView(
                uuid: .new(),
                delivery: 1,
                task: nil,
                stream: .stderr,
                firstByte: 0,
                totalBytes: bytes.count,
                bytes: bytes
            )
            let value = try JSONValueEncoder.value(of: view)
            guard case .object(let object) = value else {
                Issue.record("\(value)")
                continue
            }
            #expect(object["text"] == text.map { JSONValue.string($0) } ?? .null)
            #expect(object["base64"] == base64.map { JSONValue.string($0) } ?? .null)
            #expect(object["task"] == .null)
        }
    }

    @Test func `who follows goes through all attempts, and is told what became of each`() throws {
        let id = OperationID.new()
        func look(
            _ state: OperationState,
            _ deliveries: Int,
            _ history: [AttemptRecord] = [],
            gone: Bool = false
        ) throws -> LogFollower.Look {
            let operation = try Operation.example(state, id: id, history: history, deliveries: deliveries)
            return LogFollower.Look(operation: operation, isWorkerGone: gone)
        }
        func step(
            _ follower: inout LogFollower,
            _ look: LogFollower.Look
        ) throws -> (Int?, [String], LogFollower.Step) {
            let delivery = try follower.begin(look)?.delivery
            return (delivery, follower.notices(look), follower.next(look))
        }
        var follower = LogFollower(attempt: nil)
        var (delivery, notices, next) = try step(&follower, try look(.queued, 0))
        #expect(delivery == nil && notices == ["operation \(id) is queued: no attempt has begun"] && next == .wait)
        (delivery, notices, next) = try step(&follower, try look(.executing, 1))
        #expect(delivery == 1 && notices == [] && next == .wait)
        (delivery, notices, next) = try step(&follower, try look(.executing, 1, gone: true))
        #expect(notices == ["the worker of attempt 1 on h7 is gone: the end of its output may be missing"])
        (delivery, notices, next) = try step(&follower, try look(.executing, 1, gone: true))
        #expect(notices == [] && next == .wait)
        // Two attempts have come meanwhile: none is left out.
        let history = [try record(1, .reaped), try record(2, .failed)]
        (delivery, notices, next) = try step(&follower, try look(.executing, 3, history))
        let again = "; the operation is to be tried again"
        #expect(delivery == 1 && notices == ["attempt 1 on h1 ended when its worker died\(again)"] && next == .goOn)
        (delivery, notices, next) = try step(&follower, try look(.executing, 3, history))
        #expect(delivery == 2 && notices == ["attempt 2 on h2 failed\(again)"] && next == .goOn)
        (delivery, notices, next) = try step(&follower, try look(.executing, 3, history))
        #expect(delivery == 3 && notices == [] && next == .wait)
        (delivery, notices, next) = try step(&follower, try look(.error, 3, history))
        #expect(
            notices == ["attempt 3 on h7 ended with the operation: error: command_failed: exit code 1"] && next == .done
        )

        var ofSecond = LogFollower(attempt: 2)
        (delivery, notices, next) = try step(&ofSecond, try look(.executing, 3, history))
        #expect(delivery == 2 && notices.count == 1 && next == .done)
        var ofFourth = LogFollower(attempt: 4)
        let three = try look(.executing, 3)
        #expect(throws: ClusterOpsError.self) { try ofFourth.begin(three) }
    }
}

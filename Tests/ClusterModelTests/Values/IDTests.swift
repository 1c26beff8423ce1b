import ClusterModel
import ClusterOpsTestKit
import Foundation
import Testing

@Suite struct IDTests {
    @Test(
        "An id is a UUID of any version of RFC 9562 in the form 8-4-4-4-12, printed in lower case",
        arguments: (1...8).map { ValueCase.accepted("0190163d-8694-\($0)39b-aea5-966c26f8ad91") }
            + ["8", "9", "a", "b"].map { ValueCase.accepted("0190163d-8694-739b-\($0)ea5-966c26f8ad91") } + [
                .accepted("0190163D-8694-739B-AEA5-966C26F8AD91", as: "0190163d-8694-739b-aea5-966c26f8ad91"),
                .refused(""), .refused("0190163d8694739baea5966c26f8ad91"),
                .refused("{0190163d-8694-739b-aea5-966c26f8ad91}"), .refused("0190163d-8694-739b-aea5-966c26f8ad9"),
                .refused("0190163d-8694-739b-aea5-966c26f8ad911"), .refused("0190163d-8694-739b-aea5-966c26f8ad9g"),
                .refused("0190163d-8694-739b-aea5-966c26f8ad9\n"), .refused("0190163d8-694-739b-aea5-966c26f8ad91"),
                .refused("00000000-0000-0000-0000-000000000000"), .refused("ffffffff-ffff-ffff-ffff-ffffffffffff"),
                .refused("0190163d-8694-039b-aea5-966c26f8ad91"), .refused("0190163d-8694-939b-aea5-966c26f8ad91"),
                .refused("0190163d-8694-739b-7ea5-966c26f8ad91"), .refused("0190163d-8694-739b-cea5-966c26f8ad91"),
                .refused("+190163d-8694-739b-aea5-966c26f8ad91"), .refused("0x90163d-8694-739b-aea5-966c26f8ad91"),
            ]
    )
    func id(row: ValueCase) throws {
        try row.check(OperationID.self)
        try row.check(SessionID.self)
    }

    @Test("An id prints and parses as Foundation's UUID does")
    func foundation() throws {
        for _ in 0..<1000 {
            let uuid = UUID()
            let id = OperationID(rawValue: uuid)
            #expect(id.description == uuid.uuidString.lowercased())
            #expect(try OperationID(uuid.uuidString).rawValue == uuid)
        }
    }

    @Test("A refusal names the kind of id")
    func kinds() {
        func kind<Value: TextValue>(_ type: Value.Type) -> String? {
            #expect(throws: ValueError.self) { try Value("x") }?.kind
        }
        #expect(kind(OperationID.self) == "operation id")
        #expect(kind(NodeID.self) == "node id")
        #expect(kind(NetworkID.self) == "network id")
        #expect(kind(InterfaceID.self) == "interface id")
        #expect(kind(SessionID.self) == "session id")
    }

    @Test("New ids are of version 7, carry the time, and increase strictly within a process")
    func new() throws {
        let before = UInt64(Date().timeIntervalSince1970 * 1000)
        let ids = (0..<10_000).map { _ in OperationID.new() }
        let after = UInt64(Date().timeIntervalSince1970 * 1000)
        #expect(zip(ids, ids.dropFirst()).allSatisfy(<))
        #expect(Set(ids).count == ids.count)
        for id in [ids[0], ids[9_999]] {
            #expect(try OperationID(id.description) == id)
            #expect(id.rawValue.uuid.6 >> 4 == 7)
            let text = id.description.split(separator: "-")
            let milliseconds = try #require(UInt64(text[0] + text[1], radix: 16))
            // Another test in this process may have been at it before; nothing here turns the clock.
            #expect((before...after).contains(milliseconds))
        }
    }

    @Test("New ids are distinct and increase in each task when many tasks make them at once")
    func concurrently() async {
        let all = await withTaskGroup(of: [OperationID].self) { group in
            for _ in 0..<8 {
                group.addTask { (0..<2_000).map { _ in OperationID.new() } }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(all.joined()).count == 16_000)
        #expect(all.allSatisfy { ids in zip(ids, ids.dropFirst()).allSatisfy(<) })
    }
}

@Suite struct UUIDv7GeneratorTests {
    @Test("The bits stand where RFC 9562 wants them")
    func layout() {
        var generator = UUIDv7Generator()
        let ones = generator.next(now: 0x0190_163d_8694, random: .max)
        #expect(ones.uuidString.lowercased() == "0190163d-8694-77ff-bfff-ffffffffffff")
        var other = UUIDv7Generator()
        let zeros = other.next(now: 0x0190_163d_8694, random: 0)
        #expect(zeros.uuidString.lowercased() == "0190163d-8694-7000-8000-000000000000")
    }

    @Test("Ids go on increasing when the clock stands still, steps back or jumps, whatever the random bits are")
    func increasing() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        var generator = UUIDv7Generator()
        var last = ""
        var now: Int64 = 1_700_000_000_000
        for step in 0..<20_000 {
            now += Int64.random(in: -3...3, using: &random)
            if step.isMultiple(of: 5_000) { now += Int64.random(in: -1_000_000...1_000_000, using: &random) }
            let id = generator.next(now: now, random: .random(in: .min ... .max, using: &random)).uuidString
            #expect(last < id, "seed \(seed), step \(step)")
            last = id
        }
    }

    @Test("A time outside the format counts as its nearest end")
    func ends() {
        var early = UUIDv7Generator()
        #expect(early.next(now: .min, random: 0).uuidString.hasPrefix("00000000-0000-7"))
        var late = UUIDv7Generator()
        #expect(late.next(now: .max, random: 0).uuidString.hasPrefix("FFFFFFFF-FFFF-7"))
    }
}

import ClusterOpsTestKit
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterReports
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct SharedReadTests {
    /// Reads that last until the test lets them end, and how many there were.
    private struct Source: Sendable {
        let begun = Locked(0)
        let allowed = Locked(0)

        func read() async throws -> Int {
            let number = begun.update { count in
                count += 1
                return count
            }
            try await eventually("the read may end") { allowed.value >= number }
            return number
        }
    }

    @Test func `a hundred who ask while one reads cost one more read, and none gets an answer older than its question`()
        async throws
    {
        let source = Source()
        let shared = SharedRead { try await source.read() }
        let answers = try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask { try await shared.value() }
            try await eventually("the first reads") { source.begun.value == 1 }
            for _ in 0..<100 { group.addTask { try await shared.value() } }
            try await eventually("all have asked") { shared.waiters == 100 }
            source.allowed.update { $0 = 2 }
            return try await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
        }
        #expect(answers == [1: 1, 2: 100])
        source.allowed.update { $0 = 3 }
        #expect(try await shared.value() == 3, "an answer is not kept")
    }

    @Test func `a cancelled caller ends, and those who share its read get an answer all the same`() async throws {
        let source = Source()
        let shared = SharedRead { try await source.read() }
        let answers = try await withThrowingTaskGroup(of: Int.self) { others in
            others.addTask { try await shared.value() }
            try await eventually("the first reads") { source.begun.value == 1 }
            try await withThrowingTaskGroup(of: Int.self) { cancelled in
                for waiters in 1...2 {
                    cancelled.addTask { try await shared.value() }
                    try await eventually("it waits") { shared.waiters == waiters }
                }
                for _ in 0..<3 { others.addTask { try await shared.value() } }
                try await eventually("all wait") { shared.waiters == 5 }
                source.allowed.update { $0 = 1 }
                try await eventually("the second reads, for the four others too") { source.begun.value == 2 }
                // The one that reads, and one that shares.
                cancelled.cancelAll()
                while let result = await cancelled.nextResult() {
                    #expect(throws: CancellationError.self) { try result.get() }
                }
            }
            source.allowed.update { $0 = 10 }
            return try await others.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
        }
        #expect(answers == [1: 1, 3: 3] && shared.waiters == 0)
    }

    @Test func `an error is shared like an answer`() async throws {
        struct Refused: Error {}
        let source = Source()
        let shared = SharedRead<Int> {
            _ = try await source.read()
            throw Refused()
        }
        try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask { try await shared.value() }
            try await eventually("the first reads") { source.begun.value == 1 }
            for _ in 0..<5 { group.addTask { try await shared.value() } }
            try await eventually("all have asked") { shared.waiters == 5 }
            source.allowed.update { $0 = 10 }
            while let result = await group.nextResult() { #expect(throws: Refused.self) { try result.get() } }
        }
        #expect(source.begun.value == 2)
    }
}

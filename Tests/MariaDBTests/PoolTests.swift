import ClusterOpsTestKit
import Testing

@testable import MariaDB

@Suite struct PoolTests {
    typealias State = PoolState<Int, Int>

    @Test func `no more connections exist than the pool may have`() {
        var state = State(maximum: 2, maximumWaiters: 5)
        guard case .open = state.acquire(), case .open = state.acquire() else { return #expect(Bool(false)) }
        guard case .wait = state.acquire() else { return #expect(Bool(false)) }
        #expect(state.lent == 2)
    }

    @Test func `a connection that comes back goes to who waited longest`() {
        var state = State(maximum: 1, maximumWaiters: 5)
        _ = state.acquire()
        state.enqueue(7)
        state.enqueue(8)
        guard case .hand(let connection, to: let waiter) = state.release(1, now: .now) else {
            return #expect(Bool(false))
        }
        #expect((connection, waiter) == (1, 7))
        #expect(state.waiterCount == 1)
    }

    @Test func `a connection that broke lets who waits open another`() {
        var state = State(maximum: 1, maximumWaiters: 5)
        _ = state.acquire()
        state.enqueue(7)
        guard case .letOpen(7) = state.discard() else { return #expect(Bool(false)) }
        #expect(state.lent == 1)
        guard case .nothing = state.discard() else { return #expect(Bool(false)) }
        #expect(state.lent == 0)
    }

    @Test func `too many waiters are refused at once`() {
        var state = State(maximum: 1, maximumWaiters: 1)
        _ = state.acquire()
        state.enqueue(7)
        guard case .refuse(.poolExhausted) = state.acquire() else { return #expect(Bool(false)) }
    }

    @Test func `idle connections expire by age and the warmest is lent first`() {
        var state = State(maximum: 3, maximumWaiters: 1)
        let start = ContinuousClock.now
        for _ in 0..<3 { _ = state.acquire() }
        for connection in 0..<3 { _ = state.release(connection, now: start + .seconds(connection)) }
        guard case .take(2, idleSince: _) = state.acquire() else { return #expect(Bool(false)) }
        #expect(state.expire(idleSince: start + .seconds(1)) == [0])
        #expect(state.idleCount == 1)
    }

    @Test func `the warmest connection that is fit for the use is lent, and without one the warmest`() {
        var state = State(maximum: 3, maximumWaiters: 1)
        for _ in 0..<3 { _ = state.acquire() }
        for connection in 0..<3 { _ = state.release(connection, now: .now) }
        guard case .take(1, idleSince: _) = state.acquire(preferring: { $0 < 2 }),
            case .take(0, idleSince: _) = state.acquire(preferring: { $0 < 2 }),
            case .take(2, idleSince: _) = state.acquire(preferring: { $0 < 2 })
        else { return #expect(Bool(false)) }
    }

    @Test func `a hundred callers share three connections, and each is served`() async throws {
        let inside = Locked((now: 0, most: 0))
        try await withFreshSchema(connections: 3) { database, _ in
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<100 {
                    group.addTask {
                        try await database.withSession { session in
                            inside.update {
                                $0.now += 1
                                $0.most = max($0.most, $0.now)
                            }
                            _ = try session.query("SELECT SLEEP(0.001)")
                            inside.update { $0.now -= 1 }
                        }
                    }
                }
            }
        }
        #expect(inside.value.most == 3)
    }

    @Test func `who waits too long is told so, and the connection is not lost`() async throws {
        let server = try PrivateServer.shared
        var pool = Database.PoolConfiguration()
        pool.maximumConnections = 1
        pool.acquireTimeout = .milliseconds(50)
        let database = Database(server.configuration(), pool: pool, logger: .silent)
        try await withThrowingDiscardingTaskGroup { group in
            let hold = Hold()
            defer { hold.release() }
            group.addTask { try await hold.occupy(database) }
            await hold.begun()
            let error = await #expect(throws: DatabaseError.self) {
                try await database.withSession { try $0.query("SELECT 1").count }
            }
            #expect(error?.code == .poolExhausted)
        }
        #expect(try await database.withSession { try $0.query("SELECT 1").count } == 1)
        await database.close()
    }

    @Test func `a caller that is cancelled while it waits gives up at once`() async throws {
        let server = try PrivateServer.shared
        var pool = Database.PoolConfiguration()
        pool.maximumConnections = 1
        let database = Database(server.configuration(), pool: pool, logger: .silent)
        await withTaskGroup(of: Void.self) { group in
            let hold = Hold()
            defer { hold.release() }
            group.addTask { try? await hold.occupy(database) }
            await hold.begun()
            await withTaskGroup(of: Void.self) { inner in
                inner.addTask {
                    await #expect(throws: CancellationError.self) {
                        try await database.withSession { try $0.query("SELECT 1").count }
                    }
                }
                inner.cancelAll()
            }
        }
        #expect((try? await database.withSession { try $0.query("SELECT 1").count }) == 1)
        await database.close()
    }

    @Test func `a retry is for what the server undid, within a budget, with growing pauses`() {
        let timeout = DatabaseError(code: .lockWaitTimeout, phase: .execute, message: "")
        var policy = RetryPolicy()
        var pauses: [Duration] = []
        while let pause = policy.pause(after: timeout, elapsed: .zero, random: { $0.upperBound }) {
            pauses.append(pause)
        }
        #expect(pauses.count == RetryPolicy.maximumAttempts - 1)
        #expect(pauses == pauses.sorted() && pauses.last == RetryPolicy.longestPause)
        for code in [DatabaseError.Code.duplicateEntry, .outcomeUnknown, .checkViolated, .cannotConnect] {
            var fresh = RetryPolicy()
            let error = DatabaseError(code: code, phase: .execute, message: "")
            #expect(fresh.pause(after: error, elapsed: .zero, random: { $0.upperBound }) == nil)
        }
        for code in [DatabaseError.Code.connectionLost, .doesNotServe, .unknownCommand, .errorDuringCommit] {
            var lost = RetryPolicy()
            let inCommit = DatabaseError(code: code, phase: .commit, message: "")
            #expect(lost.pause(after: inCommit, elapsed: .zero, random: { $0.upperBound }) == nil)
        }
    }

    @Test(arguments: [DatabaseError.Code.deadlock, .snapshotConflict])
    func `a conflict is begun again as long as the time lasts, and a few times whatever the time`(
        code: DatabaseError.Code
    ) {
        let conflict = DatabaseError(code: code, phase: .commit, message: "")
        func attempts(elapsed: Duration, patience: Duration) -> Int {
            var policy = RetryPolicy(patience: patience)
            return (1...1000).first { _ in
                policy.pause(after: conflict, elapsed: elapsed, random: { $0.upperBound }) == nil
            } ?? .max
        }
        #expect(attempts(elapsed: .seconds(29), patience: .seconds(30)) == .max)
        #expect(attempts(elapsed: .seconds(30), patience: .seconds(30)) == RetryPolicy.maximumAttempts)
        #expect(attempts(elapsed: .zero, patience: .zero) == RetryPolicy.maximumAttempts)
        var policy = RetryPolicy()
        for _ in 0..<2 * RetryPolicy.maximumAttempts {
            _ = policy.pause(after: conflict, elapsed: .zero, random: { $0.upperBound })
        }
        let timeout = DatabaseError(code: .lockWaitTimeout, phase: .execute, message: "")
        #expect(policy.pause(after: timeout, elapsed: .zero, random: { $0.upperBound }) != nil, "counted apart")
    }
}

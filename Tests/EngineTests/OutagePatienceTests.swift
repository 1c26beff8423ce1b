import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// Whoever waits or follows outlasts outages; without a database.
@Suite(.timeLimit(.minutes(15))) struct OutagePatienceTests {
    private static let away = ClusterOpsError(.unreachable, "away")

    @Test func `the pauses of an outage grow to a limit, and those of the next one begin anew`() {
        var outage = Outage()
        let ends = outage.end()
        var steps = (0..<6).map { _ in outage.begin() }
        #expect(steps.map(\.isNew) == [true, false, false, false, false, false])
        #expect(steps.map(\.pause) == [250, 500, 1000, 2000, 2000, 2000].map { .milliseconds($0) })
        let (later, again) = (outage.end(), outage.end())
        #expect(!ends && later && !again && !outage.isOn)
        steps = [outage.begin()]
        #expect(steps[0].isNew && steps[0].pause == .milliseconds(250))
    }

    @Test func `an outage and its end are told once, and the database is checked before it is asked again`()
        async throws
    {
        let told = Locked<[OutagePatience.Notice]>([])
        let patience = OutagePatience { notice in told.update { $0.append(notice) } }
        var (asked, checked) = (0, 0)
        let answer = try await patience.ask {
            asked += 1
            if asked == 1 { throw Self.away }
            return asked
        } afterAnOutage: {
            checked += 1
            if checked == 1 { throw Self.away }
        }
        #expect(answer == 2 && checked == 2)
        #expect(told.value == [.lost(Self.away), .back])
        #expect(
            try await patience.ask {
                3
            } afterAnOutage: {
                Issue.record("there was no outage")
            } == 3
        )
        #expect(told.value.count == 2)
    }

    @Test func `what waiting does not mend is thrown at once, also by the database that comes back`() async throws {
        let patience = OutagePatience { _ in }
        let unknown = ClusterOpsError(.notFound, "unknown")
        await #expect(throws: unknown) {
            try await patience.ask {
                throw unknown
            } afterAnOutage: {
            }
        }
        let newer = ClusterOpsError(.notMigrated, "newer")
        await #expect(throws: newer) {
            try await patience.ask {
                throw Self.away
            } afterAnOutage: {
                throw newer
            }
        }
    }

    @Test(arguments: [
        (DatabaseError.Code.shutdownInProgress, ClusterOpsError.Code.unreachable), (.connectionKilled, .unreachable),
        (.statementTimeout, .unreachable), (.connectionLost, .unreachable), (.unknownCommand, .unreachable),
        (.tooManyConnections, .unreachable), (.accessDenied, .notPermitted), (.syntaxError, .internalFailure),
    ])
    func `a server that gives no answer for now is unreachable, however it says so`(
        code: DatabaseError.Code,
        expected: ClusterOpsError.Code
    ) {
        let error = ClusterOpsError(DatabaseError(code: code, phase: .execute, message: "m"))
        #expect(error.code == expected, "\(error)")
    }
}

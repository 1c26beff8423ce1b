import ClusterEngine
import ClusterModel
import ClusterStore
import Foundation
import MariaDB

extension ClusterConnection {
    /// The time that all of the examination may take; the checks that are left then are not made.
    ///
    /// With a million live operations it takes a third of a second; whoever waits for it has a cluster that stands
    /// still.
    package static let longestDiagnosis: Duration = .seconds(30)

    /// Looks at everything that has to be so; changes nothing that stays.
    ///
    /// It has a connection of its own, on which every statement ends within seconds, whatever the server or its clock
    /// does. A check that takes too long is not run, and keeps no other from being made.
    ///
    /// - Parameter limit: After that time no further check is begun.
    /// - Returns: Every check, made or not.
    /// - Throws: `ClusterOpsError` with code `unreachable` when there is no database to ask.
    package func diagnosis(within limit: Duration = longestDiagnosis) async throws -> DoctorView {
        let database = database.companion(connections: 1, timeouts: .ofDoctor)
        let bounded = ClusterConnection(database: database, requester: "doctor", waker: NoWaker(), logger: logger)
        do {
            let view = try await bounded.examine(DoctorRound(limit))
            await bounded.close()
            return view
        } catch {
            await bounded.close()
            throw error
        }
    }

    private func examine(_ round: DoctorRound) async throws -> DoctorView {
        var round = round
        let schema = try await schema()
        await round.make(.schema) { $0.view(of: DoctorCheck.findings(of: schema)) }
        await round.make(.clock) { check in
            check.view(of: DoctorCheck.findings(ofClockDifference: try await clockDifference()))
        }
        await round.make(.databaseHosts) { $0.view(of: DoctorCheck.findings(ofHosts: await databaseHosts())) }
        for check in DoctorCheck.ofServer {
            await round.make(check) { check in try await read { check.view(on: $0) } }
        }
        guard schema.usable else {
            for check in DoctorCheck.ofSchema + DoctorCheck.ofWork.map(\.check) + [.writes, .doorbells] {
                await round.make(check) {
                    $0.notRun("this program does not work with the schema", remedy: "see the check 'schema'")
                }
            }
            return round.view
        }
        // Each in a snapshot, so that what changes between two statements of a check is not taken for a fault.
        for check in DoctorCheck.ofSchema {
            await round.make(check) { check in try await snapshot { check.view(on: $0) } }
        }
        // Read once for all checks of work.
        var facts: DoctorCheck.WorkFacts?
        for (check, judge) in DoctorCheck.ofWork {
            await round.make(check) { check in
                let known =
                    if let facts { facts } else { try await snapshot { try DoctorCheck.WorkFacts(on: $0) } }
                facts = known
                return check.view(of: judge(known))
            }
        }
        await round.make(.writes) { $0.view(of: DoctorCheck.findings(of: try await refusedWrites())) }
        await round.make(.doorbells) { check in
            check.view(of: DoctorCheck.findings(ofDeadDoorbells: try await deadDoorbells()))
        }
        return round.view
    }

    /// Asks each database server of the configuration about itself; twice, if they differ.
    private func databaseHosts() async -> [DoctorCheck.DatabaseHost] {
        let hosts = await answersOfHosts()
        guard DoctorCheck.differ(hosts) else { return hosts }
        return DoctorCheck.steady(await answersOfHosts(), since: hosts)
    }

    /// Asks each database server of the configuration about itself, all at once.
    private func answersOfHosts() async -> [DoctorCheck.DatabaseHost] {
        let hosts = database.ofEachHost(timeouts: .ofDoctor)
        return await withTaskGroup { group in
            for (position, (host, database)) in hosts.enumerated() {
                group.addTask {
                    let connection = ClusterConnection(
                        database: database,
                        requester: "doctor",
                        waker: NoWaker(),
                        logger: logger
                    )
                    let answer: Result<DoctorCheck.DatabaseHostFacts, any Error>
                    do {
                        var facts = DoctorCheck.DatabaseHostFacts(
                            variables: try await connection.read { try DatabaseHostStatements.facts(on: $0) },
                            clockDifference: try await connection.clockDifference()
                        )
                        if hosts.count > 1, facts.isMember { await connection.addChecksums(to: &facts) }
                        answer = .success(facts)
                    } catch {
                        answer = .failure(error)
                    }
                    await connection.close()
                    return (position, DoctorCheck.DatabaseHost(host: host, answer: answer))
                }
            }
            var found: [(Int, DoctorCheck.DatabaseHost)] = []
            for await answer in group { found.append(answer) }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    /// Adds checksums, which take a read of whole tables: a server that does not get to their end serves all the same.
    private func addChecksums(to facts: inout DoctorCheck.DatabaseHostFacts) async {
        do {
            facts.checksums = try await read { try DatabaseHostStatements.checksums(on: $0) }
        } catch {
            facts.notCompared = "\(error)"
        }
    }

    private func deadDoorbells() async throws -> [DoctorStatements.Bell] {
        let bells = try await read { try DoctorStatements.bells(on: $0) }
        let refusing = Set(try await DoorbellProbe.refusing(among: bells.map(\.address)))
        return bells.filter { refusing.contains($0.address) }
    }

    /// Thrown in a transaction whose writes have gone well, to roll it back.
    private struct TakenBack: Error {}

    /// Tries to write by each path that the user has the rights for, and takes it back.
    private func refusedWrites() async throws -> [DoctorCheck.RefusedWrite] {
        let held = try await read { try DoctorStatements.privileges(on: $0).held }
        var refused: [DoctorCheck.RefusedWrite] = []
        for path in DoctorWriteStatements.Path.allCases where path.rights.allSatisfy(held.contains) {
            do {
                try await database.withTransaction { transaction in
                    try DoctorWriteStatements.attempt(path, in: transaction)
                    throw TakenBack()
                }
            } catch let error as DatabaseError {
                refused.append(DoctorCheck.RefusedWrite(path: path, error: error))
            } catch {
                // Taken back: it went well.
            }
        }
        return refused
    }

    /// Returns the number of seconds that this machine is ahead of the database; half of the round trip is the error.
    private func clockDifference() async throws -> Double {
        // The first statement of a connection is no measure: it opens it.
        _ = try await read { try OperationStatements.now(on: $0) }
        let before = Date().timeIntervalSince1970
        let there = try await read { try OperationStatements.now(on: $0) }
        let after = Date().timeIntervalSince1970
        return (before + after) / 2 - Double(there.microseconds) / 1_000_000
    }
}

/// The checks of one run of `doctor`, as they are made.
private struct DoctorRound {
    private let limit: Duration
    private let end: ContinuousClock.Instant
    private var checks: [CheckView] = []

    init(_ limit: Duration) {
        self.limit = limit
        end = .now + limit
    }

    var view: DoctorView { DoctorView(healthy: checks.allSatisfy { $0.state == .ok }, checks: checks) }

    /// Makes a check, unless the time is over; what keeps it from being made is told, and keeps no other from being
    /// made.
    mutating func make(_ check: DoctorCheck, _ look: (DoctorCheck) async throws -> CheckView) async {
        guard ContinuousClock.now < end else {
            let seconds = limit.components.seconds
            let reason = "not begun, because the checks before it have taken \(seconds) s"
            checks.append(check.notRun(reason, remedy: "see the first check that was not run"))
            return
        }
        do {
            checks.append(try await look(check))
        } catch {
            checks.append(
                check.notRun("\(error)", remedy: "look at the message; run doctor again once the database answers")
            )
        }
    }
}

extension ConnectionConfiguration.Timeouts {
    /// Ends every statement of `doctor` within seconds: by the server's clock, and by this machine's when that one
    /// hangs.
    fileprivate static var ofDoctor: Self {
        var timeouts = Self()
        timeouts.connect = .seconds(3)
        timeouts.statement = .seconds(4)
        timeouts.read = .seconds(5)
        timeouts.write = .seconds(5)
        timeouts.lockWait = .seconds(1)
        return timeouts
    }
}

import Logging
import MariaDB

/// Finds workers that died and gives their operations back.
///
/// Every daemon runs one; they do not elect a chief, because each pass locks what it returns and skips what another one
/// has locked.
package struct Reaper: Sendable {
    /// Operations returned by one transaction, and by one pass: the rest follows in the next.
    static let batch = 100

    private let database: Database
    private let waker: any Waker
    private let logger: Logger
    private var watch = ReaperWatch()
    private var passes = 0

    package init(database: Database, waker: any Waker, logger: Logger) {
        self.database = database
        self.waker = waker
        self.logger = logger
    }

    /// One look at all sessions, and at all operations that no living one runs.
    ///
    /// - Returns: How many operations were taken from dead workers.
    /// - Throws: `DatabaseError`; a pass that failed is made up for by the next.
    @discardableResult
    package mutating func pass() async throws -> Int {
        let asked = SuspendingClock.now
        let sightings = try await database.withSession { try SessionStatements.living(on: $0) }
        let dead = Set(watch.observe(sightings, at: asked))
        for sighting in sightings where dead.contains(sighting.session) {
            let marked = try await database.withSession { session in
                try SessionStatements.markDead(sighting.session, renewals: sighting.renewals, on: session)
            }
            if marked {
                logger.warning("a session has died", metadata: ["session": "\(sighting.session)"])
            }
        }
        let returned = try await returnOrphans()
        passes += 1
        if passes % 100 == 1 {
            _ = try await database.withSession { try SessionStatements.forgetDead(on: $0) }
        }
        return returned
    }

    private func returnOrphans() async throws -> Int {
        let orphans = try await database.withSession { try SessionStatements.orphans(limit: Self.batch, on: $0) }
        guard !orphans.isEmpty else { return 0 }
        let random = Double.random(in: 0...1)
        let (count, ready) = try await database.withTransaction { transaction in
            let locked = try SessionStatements.lockOrphans(orphans, in: transaction)
            let entries = locked.map { Settling.Entry(id: $0.0, delivery: $0.1, report: .reaped) }
            let effects = try Settling.apply(entries, random: random, in: transaction)
            return (locked.count, effects.ready)
        }
        if count > 0 { logger.warning("operations of dead workers were returned", metadata: ["count": "\(count)"]) }
        await waker.wake(ready)
        return count
    }
}

import ClusterEngine
import ClusterModel

/// The one way in which commands that wait or follow outlast outages of the database.
enum Outlasting {
    /// The time for which the last look of a wait may take; one that hangs would keep the person waiting for as long as
    /// a statement may take.
    private static let lastLook: Duration = .seconds(5)

    /// Lends a connection whose reads are asked again after an outage, which is told once, as is its end.
    ///
    /// The body sees to the deadline itself while there is a database; without one, the process ends as timed out.
    ///
    /// - Parameters:
    ///   - cluster: The connection.
    ///   - deadline: The end of the wait; nil is until interrupted.
    ///   - subject: What is waited for, in the words of a message.
    ///   - body: Receives the patient connection.
    /// - Returns: What `body` returned.
    /// - Throws: What it threw.
    static func outages<Result>(
        of cluster: ClusterConnection,
        until deadline: ContinuousClock.Instant?,
        for subject: String,
        _ body: (ClusterConnection) async throws -> Result
    ) async throws -> Result {
        let patience = OutagePatience { notice in
            if Terminal.showsProgress { Talk.progress("") }
            switch notice {
            case .lost(let error): Talk.say("\(error.message); trying again")
            case .back: Talk.say("the database can be reached again")
            }
        }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            if let deadline {
                group.addTask { try await end(at: deadline, patience, subject) }
            }
            defer { group.cancelAll() }
            return try await body(cluster.patient(patience))
        }
    }

    /// Ends the process at a moment, unless it is cancelled before; a look that hangs cannot be.
    private static func end(
        at deadline: ContinuousClock.Instant,
        _ patience: OutagePatience,
        _ subject: String
    ) async throws {
        // The timeout of the command, which nothing else ends while there is no database.
        try await Task.sleep(until: deadline)
        // The last look is under way, and gets so long to answer before it counts as one that hangs.
        if !patience.isWithoutAnswer { try await Task.sleep(for: lastLook) }
        if Terminal.showsProgress { Talk.progress("") }
        Failure(.timedOut, "timed out: the database does not answer, and nothing is known of \(subject)").exit()
    }
}

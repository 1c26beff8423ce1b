import ClusterStore
import MariaDB

/// The checks for what the schema and the transactions make impossible; they are the proof.
extension DoctorCheck {
    private static let report = "report it with 'clusterctl op show'; until then"

    static let dependencies = DoctorCheck(
        "dependencies",
        "what is blocked waits for as many as it says, all of them live",
        .critical
    ) {
        session in
        let dangling = try DoctorStatements.danglingEdges(limit: mostTold, on: session).map { edge in
            FindingView(
                "operation \(edge.dependent) waits for \(edge.dependency), which is not live",
                remedy: "\(report): clusterctl op cancel \(edge.dependent), and enqueue it anew"
            )
        }
        let miscounted = try DoctorStatements.miscounted(limit: mostTold, on: session).map { found in
            FindingView(
                "operation \(found.id) says that it waits for \(found.unmet), and waits for \(found.edges)",
                remedy: "\(report): clusterctl op cancel \(found.id), and enqueue it anew"
            )
        }
        return dangling + miscounted
    }

    static let followers = DoctorCheck("followers", "what is folded follows an operation that is live", .critical) {
        session in
        try DoctorStatements.lostFollowers(limit: mostTold, on: session).map { found in
            FindingView(
                "operation \(found.id) follows \(found.primary), which is not live or is itself a follower",
                remedy: "\(report): clusterctl op cancel \(found.id), and enqueue it anew"
            )
        }
    }

    /// A session's lease is 10 s by default, and a minute at most in any sane configuration.
    private static let patience: Duration = .seconds(60)

    static let orphans = DoctorCheck("orphans", "what executes belongs to a live session", .critical) { session in
        try DoctorStatements.orphans(olderThan: patience, limit: mostTold, on: session).map { id in
            FindingView(
                "operation \(id) is executing under a dead session, and no reaper has requeued it",
                remedy: "start queueworker or netnode on any node; if one runs, see its log line 'reaping failed'"
            )
        }
            + TargetStatements.forgotten(on: session).prefix(mostTold).map { held in
                FindingView(
                    "the exclusive target '\(held.key)' is held by operation \(held.operation), which does not execute",
                    remedy: "start queueworker or netnode on any node; if one runs, it frees it within minutes"
                )
            }
    }

    static let deadlines = DoctorCheck("deadlines", "nothing waits past its deadline") { session in
        try DoctorStatements.overdue(by: patience, limit: mostTold, on: session).map { id in
            FindingView(
                "operation \(id) still waits, a minute and more past its deadline",
                remedy: "start queueworker or netnode on any node; if one runs, see its log line 'reaping failed'"
            )
        }
    }

    static let ahead = DoctorCheck("ahead", "nothing is dated later than the database's clock") { session in
        try DoctorStatements.ahead(on: session).map(finding)
    }

    private static func finding(of ahead: DoctorStatements.Ahead) -> FindingView {
        let (one, many, remedy) =
            switch ahead.kind {
            case .waits:
                (
                    "operation waits", "operations wait",
                    "start queueworker or netnode on any node: a pass of either makes up for it"
                )
            case .sessions:
                (
                    "session was renewed", "sessions were renewed",
                    "if it stays so, start queueworker or netnode on any node: each finds dead sessions"
                )
            case .leases:
                (
                    "elected role was renewed", "elected roles were renewed",
                    "if it stays so, start netnode on a network node: it follows one that has died"
                )
            }
        let seconds = Int(ahead.seconds.rounded(.up))
        return FindingView(
            "\(ahead.count) \(ahead.count == 1 ? one : many) by a time that is up to \(seconds) s still to come: the "
                + "database's clock has been set back",
            remedy: "\(remedy); see why time is not synchronised on the database's hosts"
        )
    }

    static let cascades = DoctorCheck("cascades", "what depends on ended operations is released or aborted", .critical)
    {
        session in
        try CascadeStatements.old(by: patience, limit: mostTold, on: session).map { id in
            FindingView(
                "operation \(id) ended a minute ago and more, and has dependents that are still blocked",
                remedy:
                    "start queueworker or netnode on any node; if one runs, see its log line 'releasing dependents failed'; "
                    + "very many dependents take some minutes"
            )
        }
    }

    static let nodes = DoctorCheck("nodes", "what waits for a node waits for one that is there") { session in
        let stranded = try NodeWorkStatements.stranded(
            among: DoctorStatements.mostExamined,
            limit: mostTold,
            on: session
        )
        return stranded.map { found in
            let (verb, others) = (found.count == 1 ? "is" : "are", found.count == 1 ? "" : "s")
            return FindingView(
                "\(found.count) operation\(others) \(verb) for a node '\(found.node)' that was removed, such as \(found.example)",
                remedy:
                    "end each: clusterctl op list --node \(found.node) shows them, clusterctl op cancel UUID ends one"
            )
        }
    }

    static let twofold = DoctorCheck("twofold", "no operation is both live and ended", .critical) { session in
        try DoctorStatements.twofold(limit: mostTold, on: session).map { id in
            FindingView(
                "operation \(id) is live and ended at once",
                remedy: "report it with 'clusterctl op show \(id)'; it must be impossible"
            )
        }
    }

    /// Rows decoded by one run: the oldest ids.
    private static let mostDecoded = 1000

    static let unreadable = DoctorCheck("unreadable", "every waiting operation can be decoded") { session in
        try OperationStatements.unreadable(after: nil, page: mostDecoded, on: session).unreadable.prefix(mostTold).map {
            found in
            FindingView(
                "operation \(found.id) cannot be decoded by this version: \(found.reason)",
                remedy: "let workers of the newer version run it, or clusterctl op cancel \(found.id)"
            )
        }
    }

    static let counters = DoctorCheck("counters", "no operation has used its counters up") { session in
        try DoctorStatements.usedUp(limit: mostTold, on: session).map { found in
            FindingView(
                "operation \(found.id) was delivered \(found.deliveries) times, more than can be counted: no worker takes it",
                remedy: "clusterctl op cancel \(found.id), and enqueue it anew"
            )
        }
    }
}

import ClusterModel
import ClusterStore
import MariaDB

extension DoctorCheck {
    static let schema = DoctorCheck("schema", "this program works with the schema", .critical) { _ in [] }

    /// Judges the schema's version; pure.
    static func findings(of schema: SchemaView) -> [FindingView] {
        guard !schema.usable else { return [] }
        guard schema.migrated else {
            let versions = "the schema is at version \(schema.version), this program at \(schema.binaryVersion)"
            return [FindingView(versions, remedy: "clusterctl db migrate")]
        }
        return [
            FindingView(
                "the schema takes programs from version \(schema.floor) on, this one is at \(schema.binaryVersion)",
                remedy: "install the newer programs on this host"
            )
        ]
    }

    /// The indexes that statements go by, with what makes each; one that is missing makes them fail (1176).
    private static let wantedIndexes: [(table: String, index: String, definition: String)] = [
        ("work_queue", "claim", "INDEX claim (queue_name, state, ready_at, id, exclusive_key)"),
        (
            "work_queue", "claim_by_task",
            "INDEX claim_by_task (queue_name, state, first_task, ready_at, id, exclusive_key)"
        ),
        ("work_queue", "work_by_lookup", "INDEX work_by_lookup (lookup_key)"),
        ("work_queue", "work_by_session", "INDEX work_by_session (session)"),
        ("work_queue", "work_by_age", "INDEX work_by_age (enqueued_at, id)"),
        ("work_queue", "work_by_ready_set", "INDEX work_by_ready_set (ready_set_at)"),
        ("finished_operations", "finished_by_end", "INDEX finished_by_end (finished_at)"),
        (
            "finished_operations", "finished_list",
            "INDEX finished_list (enqueued_at, id, state, queue_name, network_name, node_name)"
        ),
        ("finished_operations", "finished_followers", "INDEX finished_followers (folded_into)"),
        ("operation_dependencies", "dependencies_of", "INDEX dependencies_of (dependent)"),
    ]

    static let indexes = DoctorCheck("indexes", "every index that statements go by is there", .critical) { session in
        let there = try DoctorStatements.indexes(on: session)
        return wantedIndexes.filter { !there.contains("\($0.table).\($0.index)") }.map { wanted in
            FindingView(
                "\(wanted.table) lacks its index \(wanted.index)",
                remedy: "ALTER TABLE \(wanted.table) ADD \(wanted.definition)"
            )
        }
    }

    static let claim = DoctorCheck("claim", "a claim goes by ranges of its index, and sorts no backlog") { session in
        let queues = QueueName.claimOrder(targets: [.networkNode, .any])
        let mixed = ClaimFilter(tasks: [BuiltInTask.noop.name], mixed: Set(queues))
        let looks: [(statement: SQL, index: String, ranges: Int)] = [
            (ClaimStatements.candidatesQuery(in: queues, .everything(most: 64)), "claim", 1),
            (ClaimStatements.candidatesQuery(in: queues, .heads(ofEach: 40)), "claim", queues.count),
            (ClaimStatements.candidatesQuery(in: queues, .heads(ofEach: 40), mixed), "claim_by_task", queues.count),
        ]
        for (statement, index, ranges) in looks {
            let plan = try DoctorStatements.plan(of: statement, on: session)
            let found = plan.filter { $0.table == "work_queue" && $0.key == index }
            let bad = plan.filter { line in
                guard line.table == "work_queue" else { return false }
                return line.key == nil || (line.key == index && line.type != "range")
                    || line.extra.contains("filesort")
            }
            if bad.isEmpty, found.count == ranges { continue }
            return [
                FindingView(
                    "a claim is planned as \((bad.isEmpty ? plan : bad).map(\.description).joined(separator: "; "))",
                    remedy: "ANALYZE TABLE work_queue; if that does not help, report the plan"
                )
            ]
        }
        return []
    }
}

/// A user of the database by what it is there for; nobody may do more than its work.
package enum DatabaseRole: String, Sendable, CaseIterable, Codable {
    /// A `queueworker`.
    case worker
    /// A `netnode`.
    case netnode
    /// A program that enqueues operations and waits for them: the control plane.
    case enqueuer
    /// A person who looks, or a monitor.
    case reader
    /// A person with all commands of `clusterctl`, but for `db migrate`.
    case `operator`
    /// The user that runs `clusterctl db migrate`.
    case migrator
}

extension DatabaseRole {
    /// The rights that a user of this role has, and no more.
    package var rights: Set<DatabaseRight> {
        switch self {
        case .worker: Set(Self.version + Self.engine + Self.registration + Self.printing + Self.forgetting)
        case .netnode: Set(Self.version + Self.engine + Self.repairs + Self.networks + Self.election + Self.dataPlane)
        case .enqueuer: Set(Self.version + Self.enqueueing + Self.waiting)
        case .reader: Set(Self.version + Self.everything)
        case .operator:
            Set(
                Self.version + Self.everything + Self.enqueueing + Self.waiting + Self.cancelling + Self.topology
                    + Self.rules
            )
        case .migrator: Set(Self.definitions + Self.lent + Self.moves)
        }
    }

    /// Every process asks whether the schema is its own.
    private static let version = DatabaseRight.reading("schema_migrations")

    /// The rights for what a worker's session does: it claims, folds, settles, reaps, samples and counts.
    ///
    /// What was asked for, it cannot change; the lane it can improve.
    private static let engine: [DatabaseRight] =
        DatabaseRight.reading(
            "nodes",
            "sessions",
            "work_queue",
            "running_targets",
            "finished_operations",
            "operation_dependencies",
            "cascades",
            "operation_waiters",
            "queue_pauses",
            "coalescing_counters",
            "supervised_processes",
            "operation_labels"
        ) + [
            .insert("aborted_dependents"),
            .insert("sessions"),
            .update("sessions", ["renewals", "renewed_at", "doorbell", "server", "expires_at", "dead"]),
            .delete("sessions"),
            .update(
                "work_queue",
                [
                    "state", "session", "worker_node", "worker_pid", "deliveries", "claimed_at", "started_at", "waited",
                    "folded_into", "folded_at", "unfolded_at", "unfolded_from", "unmet", "ready_at",
                    "ready_set_at", "failures", "defer_count", "attempt_history",
                    // What comes back waits in the best lane of those that ride on it.
                    "lane", "queue_name",
                ]
            ),
            .delete("work_queue"),
            .insert("running_targets"), .delete("running_targets"),
            .insert("finished_operations"),
            .delete("operation_dependencies"),
            .insert("cascades"), .delete("cascades"),
            .delete("operation_waiters"),
            .insert("coalescing_counters"), .update("coalescing_counters", []),
            .insert("supervised_processes"), .update("supervised_processes", []), .delete("supervised_processes"),
        ]

    /// A node says which commands it runs.
    private static let registration: [DatabaseRight] = [
        .select("registered_tasks"), .insert("registered_tasks"), .delete("registered_tasks"),
    ]

    /// The output of commands is kept.
    private static let printing: [DatabaseRight] = [
        .select("attempt_outputs"), .insert("attempt_outputs"), .update("attempt_outputs", []),
        .delete("attempt_outputs"),
    ]

    /// History ends.
    private static let forgetting: [DatabaseRight] = [
        .delete("finished_operations"), .select("adoptions"), .delete("adoptions"),
        .select("history_allowance"), .insert("history_allowance"), .update("history_allowance", []),
        .select("retries"), .delete("retries"), .delete("operation_labels"),
        .select("aborted_dependents"), .delete("aborted_dependents"),
        .select("audit_events"), .delete("audit_events"),
    ]

    /// Repairs are ordinary operations: they may adopt one that waits, and, as the engine may, move it to a better
    /// lane.
    private static let repairs: [DatabaseRight] = [
        .insert("work_queue", asked), .insert("adoptions"),
    ]

    /// The columns of `work_queue` that say what was asked for, and where it begins to stand; the rest is written by
    /// who runs it.
    private static let asked = [
        "id", "kind", "tasks", "queue_name", "lane", "network", "network_name", "node", "node_name", "interface",
        "parameters", "depends_on", "runs_after", "requester", "deadline", "max_attempts", "retry_of", "coalesce_key",
        "exclusive_key", "state", "unmet", "enqueued_at", "ready_at",
    ]

    /// The rights on the wanted state of networks, which a node reads, and on the state that it has applied.
    private static let networks: [DatabaseRight] =
        DatabaseRight.reading(
            "networks",
            "interfaces",
            "allowed_addresses",
            "external_network",
            "external_addresses",
            "floating_ports",
            "applied_state",
            "network_problems",
            "vni_holds",
            "dhcp_leases",
            "network_events"
        ) + [
            .update("vni_holds", ["devices"]), .delete("vni_holds"),
            .insert("applied_state"), .update("applied_state", []),
            // The marks of what has converged.
            .update("networks", ["meshed_generation", "served_generation", "served_term"]),
            .insert("network_problems"), .update("network_problems", []), .delete("network_problems"),
            .insert("dhcp_leases"), .update("dhcp_leases", []), .delete("dhcp_leases"),
            .insert("network_events"), .update("network_events", []), .delete("network_events"),
        ]

    private static let election: [DatabaseRight] = [
        .select("leases"), .insert("leases"), .update("leases", []),
        .select("ready_candidates"), .insert("ready_candidates"),
        .update("ready_candidates", []), .delete("ready_candidates"),
        .insert("audit_events"),
    ]

    /// A node says whom it reaches, and what it finds of itself; the elected one may ask itself to resign.
    private static let dataPlane: [DatabaseRight] =
        DatabaseRight.reading("mesh_reachability", "data_plane_checks", "data_plane_handovers") + [
            .insert("mesh_reachability"), .update("mesh_reachability", []), .delete("mesh_reachability"),
            .insert("data_plane_checks"), .update("data_plane_checks", []), .delete("data_plane_checks"),
            .insert("data_plane_handovers"), .update("data_plane_handovers", []),
        ]

    /// A request is checked against what is there, stored, or adopts what waits; then somebody is rung.
    private static let enqueueing: [DatabaseRight] =
        DatabaseRight.reading(
            "nodes",
            "networks",
            "interfaces",
            "registered_tasks",
            "sessions",
            "work_queue",
            "finished_operations",
            "queue_pauses",
            "adoptions",
            "attempt_outputs",
            "coalescing_counters",
            "operation_labels",
            "retries",
            "aborted_dependents"
        ) + [
            .insert("work_queue", asked), .update("work_queue", ["lane", "queue_name"]),
            .insert("operation_labels"), .insert("retries"), .update("retries", []), .insert("aborted_dependents"),
            .insert("adoptions"), .insert("coalescing_counters"), .update("coalescing_counters", []),
            // What it waits for, and the end of what can never run, are written by procedures that refuse the work of
            // others.
            .execute("record_edges"), .execute("insert_aborted"),
        ]

    /// A waiter enters where it is rung, and takes that away.
    private static let waiting: [DatabaseRight] = [
        .select("operation_waiters"), .insert("operation_waiters"), .update("operation_waiters", []),
        .delete("operation_waiters"),
    ]

    /// The rights to cancel: an operation that has not begun is ended by whoever cancels it, with all that this
    /// entails; one that runs is marked.
    private static let cancelling: [DatabaseRight] = [
        .update(
            "work_queue",
            [
                "cancel_requester", "cancel_requested_at", "state", "folded_into", "unfolded_at", "unfolded_from",
                "unmet",
                "ready_at", "ready_set_at",
            ]
        ),
        .delete("work_queue"), .insert("finished_operations"), .delete("operation_dependencies"),
        .insert("cascades"),
    ]

    /// The trail of changes is written, and never changed; only what forgets history deletes of it.
    private static let topology: [DatabaseRight] = [
        .insert("audit_events"),
        .insert("nodes"),
        .update(
            "nodes",
            [
                "state", "underlay_address", "is_hypervisor", "is_network_node", "drained_at", "drain_requester",
                "drain_reason",
            ]
        ),
        .delete("nodes"),
        .insert("networks"),
        .update("networks", ["generation", "mtu", "domain", "dhcp", "dns", "port_security", "gateway"]),
        .delete("networks"),
        .insert("interfaces"), .update("interfaces", ["node", "mac", "address", "hostname"]), .delete("interfaces"),
        .insert("allowed_addresses"), .delete("allowed_addresses"),
        .insert("vni_holds"), .update("vni_holds", []),
        .insert("external_network"),
        .update("external_network", []), .delete("external_network"),
        .insert("external_addresses"), .delete("external_addresses"),
        .insert("floating_ports"), .delete("floating_ports"),
    ]

    /// Pauses, and the asking of an elected node to resign.
    private static let rules: [DatabaseRight] = [
        .insert("queue_pauses"), .update("queue_pauses", []), .delete("queue_pauses"),
        .update("leases", ["resignation", "resignation_term"]),
    ]

    /// `doctor` looks at the server's transactions too.
    private static let everything: [DatabaseRight] =
        [.process]
        + DatabaseRight.reading(
            "nodes",
            "networks",
            "interfaces",
            "allowed_addresses",
            "sessions",
            "registered_tasks",
            "work_queue",
            "running_targets",
            "finished_operations",
            "operation_dependencies",
            "cascades",
            "adoptions",
            "attempt_outputs",
            "coalescing_counters",
            "queue_pauses",
            "applied_state",
            "network_problems",
            "dhcp_leases",
            "network_events",
            "mesh_reachability",
            "data_plane_checks",
            "leases",
            "supervised_processes",
            "external_network",
            "external_addresses",
            "floating_ports",
            "vni_holds",
            "operation_labels",
            "retries",
            "audit_events"
        )

    /// The rights for what the procedures do: they act with the rights of who made them, the migrator.
    package static let lent: [DatabaseRight] = [
        .select("work_queue"), .insert("finished_operations"),
        .select("operation_dependencies"), .insert("operation_dependencies"),
    ]

    /// The rights for the steps of the schema that move rows: the exclusive targets that are being worked on.
    private static let moves: [DatabaseRight] = [
        .select("work_queue"), .select("running_targets"), .insert("running_targets"),
    ]

    private static let definitions: [DatabaseRight] = [
        .define("CREATE"), .define("ALTER"), .define("INDEX"), .define("REFERENCES"), .define("CREATE ROUTINE"),
        .select("schema_migrations"), .insert("schema_migrations"), .update("schema_migrations", []),
        .select("migration_lease"), .insert("migration_lease"), .update("migration_lease", []),
    ]
}

import Foundation
import MariaDB

/// The schema's whole history, in order.
///
/// Files are appended, never changed: databases out there have run them.
package enum Migrations {
    /// Every step that this program knows.
    package static let all: [Migration] = [
        step(1, "create nodes", PackageResources.V0001__create_nodes_sql),
        step(2, "create networks", PackageResources.V0002__create_networks_sql),
        step(3, "create interfaces", PackageResources.V0003__create_interfaces_sql),
        step(4, "create sessions", PackageResources.V0004__create_sessions_sql),
        step(5, "create registered tasks", PackageResources.V0005__create_registered_tasks_sql),
        step(6, "create work queue", PackageResources.V0006__create_work_queue_sql),
        step(7, "create finished operations", PackageResources.V0007__create_finished_operations_sql),
        step(8, "create operation dependencies", PackageResources.V0008__create_operation_dependencies_sql),
        step(9, "create adoptions", PackageResources.V0009__create_adoptions_sql),
        step(10, "create coalescing counters", PackageResources.V0010__create_coalescing_counters_sql),
        step(11, "create queue pauses", PackageResources.V0011__create_queue_pauses_sql),
        step(12, "create applied state", PackageResources.V0012__create_applied_state_sql),
        step(13, "create network problems", PackageResources.V0013__create_network_problems_sql),
        step(14, "create leases", PackageResources.V0014__create_leases_sql),
        step(15, "count lease renewals", PackageResources.V0015__count_lease_renewals_sql),
        step(16, "create supervised processes", PackageResources.V0016__create_supervised_processes_sql),
        step(17, "tell cancels of work", PackageResources.V0017__tell_cancels_of_work_sql),
        step(
            18,
            "tell cancels of finished operations",
            PackageResources.V0018__tell_cancels_of_finished_operations_sql
        ),
        step(19, "index deadlines", PackageResources.V0019__index_deadlines_sql),
        step(20, "create operation waiters", PackageResources.V0020__create_operation_waiters_sql),
        step(21, "check interfaces", PackageResources.V0021__check_interfaces_sql),
        step(22, "check networks", PackageResources.V0022__check_networks_sql),
        step(23, "hand leases over", PackageResources.V0023__hand_leases_over_sql),
        step(24, "create ready candidates", PackageResources.V0024__create_ready_candidates_sql),
        step(25, "cover lists of history", PackageResources.V0025__cover_lists_of_history_sql),
        step(26, "tell who supervises", PackageResources.V0026__tell_who_supervises_sql),
        step(27, "create external network", PackageResources.V0027__create_external_network_sql),
        step(28, "create external addresses", PackageResources.V0028__create_external_addresses_sql),
        step(29, "record egress", PackageResources.V0029__record_egress_sql),
        step(30, "index work by task", PackageResources.V0030__index_work_by_task_sql),
        step(31, "check names of nodes", PackageResources.V0031__check_names_of_nodes_sql),
        step(32, "check cidrs of networks", PackageResources.V0032__check_cidrs_of_networks_sql),
        step(33, "check external network", PackageResources.V0033__check_external_network_sql),
        step(34, "bound counters of work", PackageResources.V0034__bound_counters_of_work_sql),
        step(35, "tell slots of sessions", PackageResources.V0035__tell_slots_of_sessions_sql),
        step(36, "tell omitted results", PackageResources.V0036__tell_omitted_results_sql),
        step(37, "date waits", PackageResources.V0037__date_waits_sql),
        step(38, "create history allowance", PackageResources.V0038__create_history_allowance_sql),
        step(39, "create cascades", PackageResources.V0039__create_cascades_sql),
        step(40, "register tasks by session", PackageResources.V0040__register_tasks_by_session_sql),
        step(41, "check queue names", PackageResources.V0041__check_queue_names_sql),
        step(42, "create record edges", PackageResources.V0042__create_record_edges_sql),
        step(43, "create insert aborted", PackageResources.V0043__create_insert_aborted_sql),
        step(44, "tell task obstacles", PackageResources.V0044__tell_task_obstacles_sql),
    ]

    /// The steps that make procedures, by name; each does nothing where its procedure is there.
    private static let procedures: Set = ["create record edges", "create insert aborted"]

    /// Makes the procedures that are not there, of a migrated schema: `mariadb-dump` leaves them out unless it is
    /// asked for them.
    package static func makeProcedures(on session: borrowing Session) throws {
        for step in all where procedures.contains(step.name) { try migrator.repeatStep(step.version, on: session) }
    }

    /// Brings a schema to this program's version, or tells how far it is.
    package static let migrator = Migrator(all)

    private static func step(_ version: Int, _ name: String, _ file: [UInt8]) -> Migration {
        Migration(version: version, name: name, statement: String(decoding: file, as: UTF8.self))
    }
}

import Foundation
import MariaDB

/// The schema, as the steps that make it.
///
/// A baseline: one file for each table and each procedure, as they were before anything was deployed. From here on
/// files are appended, never changed, because databases have run them.
///
/// A step is *additive* if programs that do not know it work on after it: it adds a table, an index, or a column that
/// is null or has a default, and no rule that they could break. It goes on beside them, so it says `ALGORITHM =
/// INSTANT`, or `INPLACE` with `LOCK = NONE`. One that is not additive raises the compatibility floor.
package enum Migrations {
    /// The last step of the baseline, which no program is older than.
    package static let baseline = 51

    /// Every step that this program knows, in order.
    package static let all: [Migration] = [
        step(1, "create nodes", PackageResources.V0001__create_nodes_sql),
        step(2, "create networks", PackageResources.V0002__create_networks_sql),
        step(3, "create interfaces", PackageResources.V0003__create_interfaces_sql),
        step(4, "create sessions", PackageResources.V0004__create_sessions_sql),
        step(5, "create registered tasks", PackageResources.V0005__create_registered_tasks_sql),
        step(6, "create work queue", PackageResources.V0006__create_work_queue_sql),
        step(7, "create finished operations", PackageResources.V0007__create_finished_operations_sql),
        step(8, "create operation dependencies", PackageResources.V0008__create_operation_dependencies_sql),
        step(9, "create cascades", PackageResources.V0009__create_cascades_sql),
        step(10, "create adoptions", PackageResources.V0010__create_adoptions_sql),
        step(11, "create coalescing counters", PackageResources.V0011__create_coalescing_counters_sql),
        step(12, "create queue pauses", PackageResources.V0012__create_queue_pauses_sql),
        step(13, "create operation waiters", PackageResources.V0013__create_operation_waiters_sql),
        step(14, "create history allowance", PackageResources.V0014__create_history_allowance_sql),
        step(15, "create applied state", PackageResources.V0015__create_applied_state_sql),
        step(16, "create network problems", PackageResources.V0016__create_network_problems_sql),
        step(17, "create leases", PackageResources.V0017__create_leases_sql),
        step(18, "create ready candidates", PackageResources.V0018__create_ready_candidates_sql),
        step(19, "create supervised processes", PackageResources.V0019__create_supervised_processes_sql),
        step(20, "create external network", PackageResources.V0020__create_external_network_sql),
        step(21, "create external addresses", PackageResources.V0021__create_external_addresses_sql),
        step(22, "create record edges", PackageResources.V0022__create_record_edges_sql),
        step(23, "create insert aborted", PackageResources.V0023__create_insert_aborted_sql),
        step(24, "add port security", PackageResources.V0024__add_port_security_sql),
        step(25, "create allowed addresses", PackageResources.V0025__create_allowed_addresses_sql),
        step(26, "add network gateway", PackageResources.V0026__add_network_gateway_sql),
        step(27, "create floating ports", PackageResources.V0027__create_floating_ports_sql),
        step(28, "create vni holds", PackageResources.V0028__create_vni_holds_sql),
        step(29, "add network cidr is of hosts", PackageResources.V0029__add_network_cidr_is_of_hosts_sql),
        step(30, "add external cidr is of hosts", PackageResources.V0030__add_external_cidr_is_of_hosts_sql),
        step(31, "create dhcp leases", PackageResources.V0031__create_dhcp_leases_sql),
        step(32, "create network events", PackageResources.V0032__create_network_events_sql),
        step(33, "create mesh reachability", PackageResources.V0033__create_mesh_reachability_sql),
        step(34, "create data plane checks", PackageResources.V0034__create_data_plane_checks_sql),
        step(35, "create data plane handovers", PackageResources.V0035__create_data_plane_handovers_sql),
        step(36, "index nodes by network role", PackageResources.V0036__index_nodes_by_network_role_sql),
        step(37, "add lease witnesses", PackageResources.V0037__add_lease_witnesses_sql),
        step(38, "create attempt outputs", PackageResources.V0038__create_attempt_outputs_sql),
        step(39, "add work queue waited", PackageResources.V0039__add_work_queue_waited_sql),
        step(40, "add finished operations waited", PackageResources.V0040__add_finished_operations_waited_sql),
        step(41, "create retries", PackageResources.V0041__create_retries_sql),
        step(42, "create aborted dependents", PackageResources.V0042__create_aborted_dependents_sql),
        step(43, "create operation labels", PackageResources.V0043__create_operation_labels_sql),
        step(44, "create audit events", PackageResources.V0044__create_audit_events_sql),
        step(45, "add node drain", PackageResources.V0045__add_node_drain_sql),
        step(46, "add work queue lookup key", PackageResources.V0046__add_work_queue_lookup_key_sql),
        step(47, "index living sessions", PackageResources.V0047__index_living_sessions_sql),
        step(48, "add session server", PackageResources.V0048__add_session_server_sql, isAdditive: true),
        step(49, "create running targets", PackageResources.V0049__create_running_targets_sql),
        step(50, "fill running targets", PackageResources.V0050__fill_running_targets_sql),
        step(51, "drop running key", PackageResources.V0051__drop_running_key_sql),
        step(52, "add network marks", PackageResources.V0052__add_network_marks_sql, isAdditive: true),
        step(
            53,
            "index registered definitions",
            PackageResources.V0053__index_registered_definitions_sql,
            isAdditive: true
        ),
    ]

    /// The names of the steps that make procedures; each does nothing where its procedure exists.
    private static let procedures: Set = ["create record edges", "create insert aborted"]

    /// Returns the statement that creates a schema unless it is there; the tables name their character sets themselves.
    package static func creation(ofSchema name: String) -> String {
        "CREATE DATABASE IF NOT EXISTS `\(name.replacing("`", with: "``"))`"
    }

    /// Makes the procedures that are missing in a migrated schema: `mariadb-dump` leaves them out without `--routines`.
    package static func makeProcedures(on session: borrowing Session) throws {
        for step in all where procedures.contains(step.name) { try migrator.repeatStep(step.version, on: session) }
    }

    /// Brings a schema to this program's version, or tells its version.
    package static let migrator = Migrator(all)

    private static func step(_ version: Int, _ name: String, _ file: [UInt8], isAdditive: Bool = false) -> Migration {
        Migration(
            version: version,
            name: name,
            statement: String(decoding: file, as: UTF8.self),
            isAdditive: isAdditive
        )
    }
}

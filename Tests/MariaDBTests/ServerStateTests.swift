import Testing

@testable import MariaDB

@Suite struct ServerStateTests {
    private static let plain = [
        "hostname": "db1", "port": "3306", "read_only": "OFF", "innodb_read_only": "OFF", "wsrep_on": "OFF",
        "wsrep_node_name": "db1", "wsrep_reject_queries": "NONE", "wsrep_ready": "OFF",
        "wsrep_cluster_status": "Disconnected", "wsrep_local_state": "0",
    ]
    private static let member = plain.merging([
        "wsrep_on": "ON", "wsrep_node_name": "one", "wsrep_ready": "ON", "wsrep_cluster_status": "Primary",
        "wsrep_local_state": "4", "wsrep_cluster_state_uuid": "a",
    ]) { $1 }

    private func refusal(_ base: [String: String], _ changes: [String: String], isOnly: Bool = false) -> String? {
        ServerState(base.merging(changes) { $1 }).refusal(isOnly: isOnly)
    }

    @Test func `a server that takes writes serves, with and without Galera's library`() {
        #expect(refusal(Self.plain, [:]) == nil)
        #expect(ServerState(["hostname": "db1", "port": "3306", "read_only": "OFF"]).refusal(isOnly: false) == nil)
        #expect(ServerState(Self.plain).name == "db1:3306" && ServerState(Self.plain).member == nil)
    }

    @Test(arguments: [("read_only", "ON"), ("read_only", "NO_LOCK_NO_ADMIN"), ("innodb_read_only", "ON")])
    func `a read-only server does not serve where there is another, and is read from where it is the only one`(
        variable: String,
        value: String
    ) {
        #expect(refusal(Self.plain, [variable: value])?.contains("read_only") == true)
        #expect(refusal(Self.plain, [variable: value], isOnly: true) == nil)
        #expect(refusal(Self.member, [variable: value])?.contains("read_only") == true)
    }

    @Test func `a synced member and a donor serve`() {
        #expect(refusal(Self.member, [:]) == nil && ServerState(Self.member).name == "one")
        #expect(refusal(Self.member, ["wsrep_local_state": "2"]) == nil)
    }

    @Test func `a member with another history than the first that served does not serve, though it were the only one`()
    {
        for hosts in [["db1"], ["db1", "db2"]] {
            let hosts = ServerHosts(.hosts(hosts.map { ConnectionConfiguration.Host(name: $0) }))
            func refusal(_ changes: [String: String]) -> String? {
                hosts.refusal(of: ServerState(Self.member.merging(changes) { $1 }))
            }
            // One that does not serve decides nothing.
            #expect(refusal(["wsrep_ready": "OFF", "wsrep_cluster_state_uuid": "b"]) != nil)
            #expect(refusal([:]) == nil && refusal([:]) == nil)
            #expect(refusal(["wsrep_cluster_state_uuid": "b"])?.contains("another history") == true)
        }
    }

    @Test(
        arguments: [
            ("wsrep_cluster_status", "non-Primary", "no quorum"), ("wsrep_ready", "OFF", "wsrep_ready"),
            ("wsrep_local_state", "1", "not synced"), ("wsrep_local_state", "3", "not synced"),
            ("wsrep_reject_queries", "ALL", "rejects queries"),
        ],
        [false, true]
    )
    func `a member that is not ready, has no quorum or is behind does not serve, though it were the only one`(
        change: (variable: String, value: String, reason: String),
        isOnly: Bool
    ) {
        let reason = refusal(Self.member, [change.variable: change.value], isOnly: isOnly)
        #expect(reason?.contains(change.reason) == true, "\(reason ?? "it serves")")
    }
}

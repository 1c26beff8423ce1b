import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore
@testable import clusterctl

/// `status`, `top` and `doctor` name what is not as it is wanted, and nothing else.
@Suite(.timeLimit(.minutes(15))) struct AttentionTests {
    /// Something that is broken, and what tells of it.
    private struct Fault {
        let name: String
        let act: @Sendable (TestCluster) async throws -> Void
        /// The sentences of `status` and `top`.
        let sentences: [String]
        /// The findings of `doctor`: each the check, and words of the message and of the remedy.
        let findings: [(check: String, words: [String])]
    }

    private static let deadNetnode = Fault(
        name: "a dead netnode",
        act: { try await $0.execute("DELETE FROM sessions WHERE node_name = 'h3' AND daemon = 'netnode'") },
        sentences: ["no live netnode on h3"],
        findings: [("sessions", ["h3 has no live netnode", "on h3: systemctl start clusterops-netnode"])]
    )
    private static let drainedNode = Fault(
        name: "a drained node with work",
        act: { cluster in
            try await cluster.execute("UPDATE nodes SET state = 'draining' WHERE name = 'h2'")
            try await cluster.enqueue(on: "h2")
        },
        sentences: ["h2 is being drained, and operations wait for it"],
        findings: [
            ("drained", ["h2 is being drained", "'h2-user_facing' since", "clusterctl node undrain h2"])
        ]
    )
    private static let pausedQueue = Fault(
        name: "a paused queue",
        act: { try await $0.pause("any-background") },
        sentences: ["queues 'any-background' are paused by test: disk"],
        findings: [
            ("pauses", ["'any-background' are paused since", "test: disk", "clusterctl queue resume 'any-background'"])
        ]
    )
    private static let typo = Fault(
        name: "a typo in a pause rule",
        act: { try await $0.pause("h7-*") },
        sentences: ["the pause rule 'h7-*' of test matches no queue"],
        findings: [("pauses", ["'h7-*' of test matches no queue", "clusterctl queue resume 'h7-*'"])]
    )

    private static let others: [Fault] = [
        Fault(
            name: "a dead queueworker",
            act: { try await $0.execute("DELETE FROM sessions WHERE node_name = 'h3' AND daemon = 'queueworker'") },
            sentences: ["no live queueworker on h3"],
            findings: [("sessions", ["h3 has no live queueworker", "on h3: systemctl start clusterops-queueworker"])]
        ),
        Fault(
            name: "two silent nodes",
            act: { try await $0.execute("UPDATE sessions SET dead = TRUE WHERE node_name <> 'h1'") },
            sentences: ["no live netnode on h2 h3", "no live queueworker on h2 h3"],
            findings: [
                ("sessions", ["each of h2, h3 has no live queueworker", "on h2, h3: systemctl"]),
                ("sessions", ["each of h2, h3 has no live netnode", "on h2, h3: systemctl"]),
            ]
        ),
        Fault(
            name: "no leader",
            act: { try await $0.execute("UPDATE leases SET expires_at = renewed_at") },
            sentences: ["no network node is elected", "no server for network blue"],
            findings: [("lease", ["no network node is elected", "on h1, h2, h3: see netnode's log lines"])]
        ),
        Fault(
            name: "a leader that serves nothing yet",
            act: { try await $0.execute("UPDATE leases SET term = 2") },
            sentences: ["no server for network blue"],
            findings: []
        ),
        Fault(
            name: "a problem of a network",
            act: {
                try await $0.execute(
                    """
                    INSERT INTO network_problems
                    SELECT w.id, n.id, 'mesh', NOW(6), 'why' FROM networks AS w, nodes AS n WHERE n.name = 'h1'
                    """
                )
            },
            sentences: ["nodes have 1 problem with networks"],
            findings: []
        ),
        Fault(
            name: "an unhealthy process, and one that is not sampled",
            act: {
                try await $0.execute(
                    """
                    INSERT INTO supervised_processes (node, service, state, pid, restarts, health, sampled_at, session)
                    SELECT s.node, CONCAT('dnsmasq ', q.seq), 'running', q.seq, 0,
                        IF(q.seq = 7, 'unhealthy', 'healthy'), NOW(6) - INTERVAL IF(q.seq = 8, 10, 0) MINUTE, s.id
                    FROM sessions AS s CROSS JOIN seq_7_to_8 AS q WHERE s.daemon = 'netnode' AND s.node_name = 'h1'
                    """
                )
            },
            sentences: ["unhealthy: h1/dnsmasq 7", "1 process was not sampled for 30 s"],
            findings: []
        ),
        Fault(
            name: "no queueworker where work for any may run",
            act: { cluster in
                try await cluster.execute("UPDATE nodes SET state = 'draining'")
                _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]))
            },
            sentences: [],
            findings: [
                ("queues", ["'any-user_facing' since", "no node that takes new work", "clusterctl node undrain h1"])
            ]
        ),
        Fault(
            name: "a command that no worker of its queue can start",
            act: { cluster in
                try await cluster.register("backup")
                _ = try await cluster.queue.enqueue(OperationRequest(tasks: [try TaskName("backup")]))
                try await cluster.execute("DELETE FROM nodes WHERE name LIKE 'registrar-%'")
            },
            sentences: [],
            findings: [("queues", ["'backup' wait in 'any-user_facing'", "on h1: configure tasks.backup"])]
        ),
        Fault(
            name: "work for an elected node where no node may be elected",
            act: { cluster in
                try await cluster.execute("UPDATE nodes SET is_network_node = FALSE")
                try await cluster.enqueueDNS()
            },
            sentences: [],
            findings: [("queues", ["'networknode-user_facing' since", "no node may be elected", "--role network"])]
        ),
        Fault(
            name: "work of a removed network for a node without netnode",
            act: { cluster in
                try await cluster.enqueueMesh(on: "h3")
                try await cluster.execute("DELETE FROM sessions WHERE daemon = 'netnode'")
                try await cluster.execute("DELETE FROM networks")
            },
            sentences: [],
            findings: [("queues", ["'h3-network-user_facing' since", "h3 has no live netnode", "on h3: systemctl"])]
        ),
        Fault(
            name: "work of a node that was removed",
            act: { cluster in
                try await cluster.enqueue(on: "h2")
                try await cluster.execute("DELETE FROM sessions WHERE node_name = 'h2'")
                try await cluster.execute("DELETE FROM nodes WHERE name = 'h2'")
            },
            sentences: [],
            findings: [("nodes", ["node 'h2' that was removed", "clusterctl op cancel"])]
        ),
        Fault(
            name: "two definitions of a task",
            act: {
                try await $0.execute(
                    """
                    INSERT INTO registered_tasks
                        (name, node, kind, coalescible, max_attempts, timeout_microseconds, registered_at)
                    SELECT 'backup', id, 'command', name = 'h1', 3, 60000000, NOW(6) FROM nodes
                    """
                )
            },
            sentences: [],
            findings: [
                ("tasks", ["on h1 coalescible, max_attempts 3", "on h2, h3 not coalescible", "tasks.backup equal"])
            ]
        ),
        Fault(
            name: "a task that nodes cannot start",
            act: {
                try await $0.execute(
                    """
                    INSERT INTO registered_tasks
                        (name, node, session, kind, coalescible, max_attempts, timeout_microseconds, registered_at,
                        obstacle, obstacle_since)
                    SELECT 'backup', node, id, 'command', FALSE, 3, 60000000, NOW(6), 'no such program', NOW(6)
                    FROM sessions WHERE daemon = 'queueworker' AND node_name <> 'h3'
                    """
                )
            },
            sentences: [],
            findings: [
                ("tasks", ["h1, h2 cannot start 'backup'", "leave it to other nodes: no such", "on h1, h2: install"])
            ]
        ),
        Fault(
            name: "a cluster that only runs operations",
            act: { cluster in
                try await cluster.execute("DELETE FROM networks")
                try await cluster.execute("DELETE FROM sessions WHERE daemon = 'netnode'")
                try await cluster.execute("DELETE FROM leases")
            },
            sentences: [],
            findings: []
        ),
        Fault(
            name: "a drained node whose queueworker is stopped",
            act: { cluster in
                try await cluster.execute("UPDATE nodes SET state = 'draining' WHERE name = 'h2'")
                try await cluster.execute("DELETE FROM sessions WHERE node_name = 'h2' AND daemon = 'queueworker'")
            },
            sentences: [],
            findings: []
        ),
    ]

    @Test func `a dead netnode, a drained node with work, a paused queue and a typo are named, and nothing else`()
        async throws
    {
        let four = [Self.deadNetnode, Self.drainedNode, Self.pausedQueue, Self.typo]
        try await withSoundCluster(nodes: ["h1", "h2", "h3"]) { cluster in
            try await cluster.ringAtAClosedPort(open: true) { _ in
                try await expect(cluster, [])
                for (number, fault) in four.enumerated() {
                    try await fault.act(cluster)
                    try await expect(cluster, Array(four.prefix(number + 1)))
                }
                let status = try await cluster.terminal("status", columns: 80, environment: ["TERM": "xterm"])
                #expect(status.text.hasPrefix("\u{1b}[31m!\u{1b}[0m"), "first, and in red: \(status.text)")
                #expect(status.text.contains("\u{1b}[31m2 of 3, missing: h3\u{1b}[0m"), "\(status.text)")
                let doctor = try await cluster.terminal("doctor", columns: 80, environment: ["TERM": "xterm"])
                #expect(doctor.text.hasPrefix("\u{1b}[31mcritical\u{1b}[0m"), "\(doctor.text)")
                let quiet = try await cluster.clusterctl("doctor", "--quiet")
                let words = quiet.output.split(separator: "\n").map { $0.split(separator: " ")[0] }
                #expect(quiet.status == 2 && words == ["CRITICAL", "WARNING", "WARNING", "WARNING"], "\(quiet.output)")
                try await cluster.addWorker("netnode", on: "h3")
                try await cluster.execute(
                    "UPDATE sessions SET doorbell = COALESCE(doorbell, (SELECT MAX(s.doorbell) FROM sessions AS s))"
                )
                try await expect(cluster, Array(four.dropFirst()))
                #expect(try await cluster.clusterctl("doctor", "--quiet").status == 1)
                #expect(try await cluster.clusterctl("doctor").status == 1)
                try await cluster.execute("UPDATE nodes SET state = 'active'")
                try await cluster.execute("DELETE FROM queue_pauses")
                try await expect(cluster, [])
                let well = try await cluster.clusterctl("doctor", "--quiet")
                #expect(well.status == 0 && well.output == "" && well.talk == "")
            }
        }
    }

    @Test(arguments: others.indices)
    func `each fault is told by its sentences`(index: Int) async throws {
        let fault = Self.others[index]
        try await withSoundCluster(nodes: ["h1", "h2", "h3"]) { cluster in
            try await cluster.ringAtAClosedPort(open: true) { _ in
                try await fault.act(cluster)
                try await expect(cluster, [fault])
            }
        }
    }

    @Test func `a network tells what it waits for, and whose netnode does not run`() async throws {
        try await withSoundCluster(nodes: ["h1", "h2", "h3"]) { cluster in
            func lines() async throws -> [String] {
                let run = try await cluster.clusterctl("network", "show", "blue")
                return run.output.split(separator: "\n").filter { $0.hasPrefix("waits for") || $0.hasPrefix("applied") }
                    .map { String($0).replacing(/\s+/, with: " ") }
            }
            #expect(try await lines().filter { $0.hasPrefix("waits") } == [])
            try await cluster.execute("UPDATE networks SET generation = 2")
            for node in ["h1", "h2"] { try await cluster.record("mesh", of: "blue", by: node, generation: 2, term: 0) }
            try await Self.deadNetnode.act(cluster)
            #expect(
                try await lines() == [
                    "waits for h3: mesh 1 of 2, its netnode is not running", "waits for h1: dnsmasq 1 of 2",
                    "applied dnsmasq on h1: 1, term 1", "applied mesh on h1: 2, term 0",
                    "applied mesh on h2: 2, term 0",
                    "applied mesh on h3: 1, term 0",
                ]
            )
            // Another leader, and what the first one applied is gone with it.
            try await cluster.execute("UPDATE leases SET term = 2, holder_node = 'h2'")
            try await cluster.record("dnsmasq", of: "blue", by: "h2", generation: 2, term: 2)
            #expect(try await lines().filter { $0.contains("dnsmasq") } == ["applied dnsmasq on h2: 2, term 2"])
            try await cluster.execute("UPDATE leases SET expires_at = renewed_at")
            let waiting = try await cluster.example(
                of: NetworkView.self,
                "network-show",
                ["network", "show", "blue"]
            ).waitingFor
            #expect(waiting.map(\.what) == [.mesh, .dnsmasq] && waiting.map(\.node?.description) == ["h3", nil])
            #expect(waiting.map(\.applied) == [1, nil] && waiting.allSatisfy { $0.wanted == 2 && !$0.netnodeRuns })
            #expect(try await lines().contains("waits for an elected network node: dnsmasq 2"))
        }
    }

    @Test func `a pause that matches no queue is said to pause nothing`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            for (pattern, words) in [("h1-*", nil), ("any-background", nil), ("h7-*", "has no queue 'h7-*'")] {
                let run = try await cluster.clusterctl("queue", "pause", pattern, "--reason", "disk")
                #expect(run.status == 0 && run.output.contains("disk"))
                #expect(words.map { run.talk.contains($0) } ?? (run.talk == ""), "\(pattern): \(run.talk)")
            }
        }
    }

    @Test(arguments: [30, 20_000])
    func `ready work is found by probes of an index, and that of a drained node in its own queues`(
        rows: Int
    ) async throws {
        try await withCluster { cluster in
            for node in ["h1", "h2"] { try await cluster.addNode(node) }
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: rows)
            try await cluster.enqueue(on: "h2")
            try await cluster.execute("UPDATE nodes SET state = 'draining'")
            try await cluster.execute("ANALYZE TABLE work_queue")
            try await cluster.database.withSession { session in
                let queues = try ClusterConnection.queuesInUse(on: session)
                let ready = try DoctorStatements.readyWork(in: queues, on: session)
                #expect(ready.map(\.queue.description) == ["any-user_facing", "h2-user_facing"])
                #expect(ready.allSatisfy { $0.task == BuiltInTask.noop.name })
                let probes = queues.map { DoctorStatements.Probe(queue: $0) }
                let plan = try DoctorStatements.plan(of: DoctorStatements.probeQuery(probes), on: session)
                    .filter { $0.table == "work_queue" }
                #expect(
                    plan.count == 2 && plan.allSatisfy { $0.key == "claim_by_task" && !$0.extra.contains("filesort") },
                    "\(plan)"
                )
                let before = try session.rowsRead()
                _ = try DoctorStatements.readyWork(in: queues, on: session)
                #expect(try session.rowsRead() - before < 100)
                let status = try StatusView(StatusStatements.rows(on: session))
                #expect(status.nodes.held.map(\.description) == ["h2"] && status.nodes.draining == 2)
                let used = try DoctorStatements.plan(of: StatusStatements.statusQuery, on: session)
                    .filter { $0.table == "work_queue" }
                #expect(used.allSatisfy { $0.key == "claim" && !$0.extra.contains("filesort") }, "\(used)")
                #expect(used.count { $0.type == "ref" } >= 10, "one for each queue of a drained node: \(used)")
            }
        }
    }

    /// Holds what the three commands say against faults: all of it, and nothing else.
    private func expect(_ cluster: TestCluster, _ faults: [Fault]) async throws {
        let names = "\(faults.map(\.name))"
        let activity = try await cluster.database.withSession { try ClusterActivity(ActivityStatements.rows(on: $0)) }
        let sentences = Set(faults.flatMap(\.sentences))
        #expect(Set(activity.status.attention) == sentences, "status: \(names)")
        let page = TopPage(activity: activity, columns: 120, rows: 40).screen.text
        let alarms = page.split(separator: "\n").filter { $0.hasPrefix("! ") }.map { String($0.dropFirst(2)) }
        #expect(Set(alarms) == sentences, "top: \(names)")

        let checks = try await DoctorRun(cluster).view.checks.filter { $0.state != .ok }
        var found = checks.flatMap { check in check.findings.map { (check.check, "\($0.message); \($0.remedy)") } }
        for (check, words) in faults.flatMap(\.findings) {
            let index = found.firstIndex { name, text in name == check && words.allSatisfy { text.contains($0) } }
            #expect(index != nil, "doctor: \(names): \(check) \(words) in \(found)")
            if let index { found.remove(at: index) }
        }
        #expect(found.isEmpty, "doctor: \(names): \(found)")
    }
}

extension TestCluster {
    fileprivate func pause(_ pattern: String) async throws {
        try await execute("INSERT INTO queue_pauses VALUES (\(pattern), 'disk', 'test', NOW(6))")
    }

    fileprivate func enqueue(on node: String) async throws {
        let target = OperationRequest.Target(node: try NodeName(node))
        _ = try await queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name], target: target))
    }

    fileprivate func enqueueDNS() async throws {
        let target = OperationRequest.Target(network: try NetworkName("blue"))
        _ = try await queue.enqueue(
            OperationRequest(tasks: [BuiltInTask.networkApplyUpdateDNSMasq.name], target: target)
        )
    }

    fileprivate func enqueueMesh(on node: String) async throws {
        let target = OperationRequest.Target(network: try NetworkName("blue"), node: try NodeName(node))
        _ = try await queue.enqueue(OperationRequest(tasks: [BuiltInTask.networkEnsureMesh.name], target: target))
    }
}

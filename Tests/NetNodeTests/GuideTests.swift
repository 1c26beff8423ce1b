import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

extension NamespaceTests {
    /// The commands of README and of the operator guide on a cluster of three hypervisors, held against what the
    /// documents show.
    @Suite(.serialized, .tags(.long)) struct GuideTests {
        @Test func `what README and the guide show is what their commands print`() async throws {
            try await withNetNodes(hosts: 3) { nodes in
                let story = try GuideStory(nodes)
                try await story.begin()
                let blocks = try DocumentBlock.documents.flatMap(DocumentBlock.all)
                    .filter { $0.isToBeRun && !$0.needsServerOnly }
                #expect(blocks.count >= 10)
                for block in blocks {
                    try await story.prepare(block)
                    do {
                        try await story.shell.run(block)
                    } catch let deviation as DocumentShell.Deviation {
                        // The next one is looked at all the same: one change often touches several.
                        Issue.record(deviation)
                    }
                    try await story.cleanUp(after: block)
                }
            }
        }
    }
}

/// The cluster that the documents tell of, and what happens to it between their blocks.
private struct GuideStory: Sendable {
    let shell: DocumentShell
    private let nodes: NetNodes
    private let workers = Locked<[RunningProgram]>([])

    init(_ nodes: NetNodes) throws {
        self.nodes = nodes
        let directory = try PrivateServer.shared.directory.scratch()
        let host = try String(contentsOfFile: "/proc/sys/kernel/hostname", encoding: .utf8)
        let machine = host.trimmingCharacters(in: .whitespacesAndNewlines)
        let environment = try nodes.environment(2)
        let schema = try #require(environment["CLUSTEROPS_DATABASE_NAME"])
        let socket = try #require(environment["CLUSTEROPS_DATABASE_SOCKET"])
        let server = try PrivateServer.shared.client("SELECT CONCAT(@@hostname, ':', @@port)")
            .trimmingCharacters(in: .whitespacesAndNewlines)
        // On the third host: a person who is logged in there.
        shell = try DocumentShell(
            directory: directory,
            environment: environment,
            namespace: nodes.world.hosts[2].namespacePath,
            replacing: [
                ("root@vm", "root@\(machine)"), ("db1:3306 by", "\(server) by"),
                ("clusterops at db1:3306", "\(schema) at \(machine):\(socket)"),
            ]
        )
    }

    /// Starts all daemons, so that h2 is elected, and makes the networks blue and red.
    func begin() async throws {
        try await nodes.start(1)
        try await eventually("h2 is elected") { try await nodes.leader() == 1 }
        for index in [0, 2] { try await nodes.start(index) }
        for host in nodes.world.hosts {
            let worker = try await RunningProgram(
                "queueworker",
                ["run", "--node", "h\(host.number)"],
                environment: try nodes.environment(host.number - 1).merging([
                    "CLUSTEROPS_HTTP_QUEUEWORKER": "off"
                ]) { $1 },
                namespace: host.namespacePath
            )
            workers.update { $0.append(worker) }
        }
        for (network, vni, octet) in [("blue", 100, "0a"), ("red", 200, "0b")] {
            try await shell.prepare(
                """
                clusterctl network add \(network) --vni \(vni) --cidr 10.9.0.0/24 --domain \(network).example
                for node in h1 h2 h3; do
                    clusterctl interface add \(network) --node $node --mac 02:00:00:00:\(octet):0${node#h} \\
                        --address 10.9.0.1${node#h} --hostname $node
                done
                clusterctl network wait \(network) --timeout 60s
                """
            )
        }
    }

    func prepare(_ block: DocumentBlock) async throws {
        switch block.heading {
        case "ClusterOps":
            let real = try await shell.prepare(
                """
                clusterctl queue pause 'h2-*' --reason 'disk is being replaced' >/dev/null
                first=$(clusterctl op enqueue noop --node h2 -o json | jq -r .uuid)
                clusterctl op enqueue noop --node h3 --depends-on $first -o json | jq -r .uuid
                """
            )
            let shown = block.text.firstMatch(of: /op explain ([0-9a-f-]{36})/)
            let id = try #require(shown?.output.1)
            shell.learn(String(id), is: real.trimmingCharacters(in: .whitespacesAndNewlines))
        case "Plug a guest in":
            try await shell.prepare("ip link add vnet3 type veth peer name guest3")
        case "Is all well?" where block.steps.first?.command == "clusterctl status":
            try await kill(0)
            try await shell.prepare("clusterctl network reconcile blue")
        case "Why has this not run?":
            try await shell.prepare(
                """
                clusterctl queue pause 'h3-*' --reason 'disk is being replaced'
                first=$(clusterctl op enqueue noop --node h3 -o json | jq -r .uuid)
                clusterctl op enqueue noop --node h2 --depends-on $first
                """
            )
        case "The leader died":
            try await shell.prepare("clusterctl node undrain h2")
            try await eventually("h2 could succeed") {
                try await nodes.world.cluster.count("SELECT COUNT(*) FROM ready_candidates") > 0
            }
            try await kill(2)
        default: break
        }
    }

    func cleanUp(after block: DocumentBlock) async throws {
        switch block.heading {
        case "ClusterOps":
            try await shell.prepare("clusterctl queue resume 'h2-*'")
        case "Plug a guest in":
            try await eventually("the port is let in") {
                try await shell.prepare("bridge -details link show dev vnet3").contains("locked on")
            }
        default: break
        }
    }

    private func kill(_ index: Int) async throws {
        let program = try nodes.program(index)
        program.signal(SIGKILL)
        _ = try await program.end()
    }
}

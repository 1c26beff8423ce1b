import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// A removed network's VNI is not another network's while a node may have a guest's device on a bridge of it.
@Suite(.timeLimit(.minutes(15))) struct VNIHoldTests {
    /// h1 may be elected, h2 has the network though its guest is gone, h3 never had it.
    private func withOld(_ cluster: TestCluster) async throws -> NetworkID {
        for name in ["h1", "h2", "h3"] { try await cluster.addNode(name) }
        try await cluster.execute("UPDATE nodes SET is_network_node = FALSE WHERE name <> 'h1'")
        let old = try await cluster.addNetwork("old")
        try await cluster.execute(
            """
            INSERT INTO applied_state (network, node, what, generation, term, applied_at)
            SELECT \(old), id, 'mesh', 1, 0, NOW(6) FROM nodes WHERE name = 'h2'
            """
        )
        return old
    }

    private func add(_ name: String, to cluster: TestCluster) async throws {
        let draft = NetworkDraft(
            name: try NetworkName(name),
            vni: try VNI(100),
            cidr: try CIDR("10.9.0.0/24"),
            mtu: try MTU(1450),
            domain: nil,
            dhcp: true,
            dns: true
        )
        _ = try await Inventory(cluster.connection).addNetwork(draft)
    }

    /// The message with which a network of the VNI is refused.
    private func refusal(of cluster: TestCluster) async throws -> String {
        let error = await #expect(throws: ClusterOpsError.self) { try await add("new", to: cluster) }
        #expect(error?.code == .conflict)
        #expect(try await cluster.count("SELECT COUNT(*) FROM networks WHERE name = 'new'") == 0)
        return error?.message ?? ""
    }

    private func remove(_ name: String, from cluster: TestCluster) async throws {
        _ = try await Inventory(cluster.connection).removeNetwork(try NetworkName(name))
    }

    private func release(_ network: NetworkID, by node: String, in cluster: TestCluster) async throws {
        let (vni, node) = (try VNI(100), try NodeName(node))
        try await cluster.database.withSession { session in
            try VNIHoldStatements.release(vni, of: network, on: node, on: session)
        }
    }

    @Test func `a VNI is free once every node that may have devices of its network has said that it has none`()
        async throws
    {
        try await withCluster { cluster in
            let old = try await withOld(cluster)
            try await remove("old", from: cluster)
            let (vni, h2) = (try VNI(100), try NodeName("h2"))
            let before = try await refusal(of: cluster)
            for part in ["VNI 100", "'old'", "node 'h1' has not yet", "node 'h2' has not yet", "remove the node"] {
                #expect(before.contains(part), "\(part) in \(before)")
            }
            try await release(old, by: "h1", in: cluster)
            try await cluster.database.withSession { session in
                #expect(try VNIHoldStatements.vnis(heldBy: h2, on: session) == [vni])
                #expect(try VNIHoldStatements.network(holding: vni, on: h2, on: session) == old)
                try VNIHoldStatements.setDevices("tap3, tap4", keeping: vni, of: old, on: h2, on: session)
            }
            let after = try await refusal(of: cluster)
            #expect(after.contains("node 'h2' still has tap3, tap4"), "\(after)")
            #expect(!after.contains("h1") && !after.contains("h3"), "\(after)")
            try await release(old, by: "h2", in: cluster)
            try await add("new", to: cluster)
        }
    }

    @Test func `a node that is removed holds nothing any more`() async throws {
        try await withCluster { cluster in
            let old = try await withOld(cluster)
            try await remove("old", from: cluster)
            try await release(old, by: "h1", in: cluster)
            #expect(try await refusal(of: cluster).contains("h2"))
            _ = try await Inventory(cluster.connection).removeNode(try NodeName("h2"), abortingOperations: true)
            try await add("new", to: cluster)
        }
    }

    @Test func `a release that comes late releases no hold of a later network`() async throws {
        try await withCluster { cluster in
            let old = try await withOld(cluster)
            try await remove("old", from: cluster)
            for node in ["h1", "h2"] { try await release(old, by: node, in: cluster) }
            try await add("later", to: cluster)
            try await remove("later", from: cluster)
            try await release(old, by: "h1", in: cluster)
            #expect(try await refusal(of: cluster).contains("'later'"))
        }
    }

    @Test func `a network that is added while its VNI's is being removed waits, and is refused`() async throws {
        try await withProxiedCluster { way in
            _ = try await withOld(way.direct)
            way.proxy.order(.hold, at: .commit(of: "INSERT INTO vni_holds"))
            try await withThrowingDiscardingTaskGroup { group in
                // Its outcome is unknown to it.
                group.addTask { try? await remove("old", from: way.proxied) }
                try await eventually("the removal's COMMIT is held") { way.proxy.counts.held == 1 }
                group.addTask {
                    let message = try await refusal(of: way.direct)
                    #expect(message.contains("not free yet"), "\(message)")
                }
                try await eventually("the other one waits for it") { try await way.direct.lockWaits() > 0 }
                way.proxy.release()
            }
            #expect(try await way.direct.count("SELECT COUNT(*) FROM vni_holds") == 2)
        }
    }

    @Test(arguments: [(Disturbance.cutBefore, 1, 0), (.cutAfter, 0, 2)])
    func `a removal that dies at its COMMIT leaves the network, or its holds`(
        disturbance: Disturbance,
        networks: Int,
        holds: Int
    ) async throws {
        try await withProxiedCluster { way in
            _ = try await withOld(way.direct)
            way.proxy.order(disturbance, at: .commit(of: "INSERT INTO vni_holds"))
            await #expect(throws: (any Error).self) { try await remove("old", from: way.proxied) }
            try await eventually("it was disturbed") { way.proxy.counts.of(disturbance) == 1 }
            #expect(try await way.direct.count("SELECT COUNT(*) FROM networks") == networks)
            #expect(try await way.direct.count("SELECT COUNT(*) FROM vni_holds") == holds)
            let message = try await refusal(of: way.direct)
            #expect(message.contains(holds == 0 ? "another network's already" : "not free yet"), "\(message)")
        }
    }

    @Test func `doctor names a hold that has lasted, with its remedy`() async throws {
        try await withCluster { cluster in
            let old = try await withOld(cluster)
            try await remove("old", from: cluster)
            func findings() async throws -> [FindingView] {
                try await cluster.database.withSession { DoctorCheck.holds.view(on: $0).findings }
            }
            #expect(try await findings().isEmpty)
            try await cluster.execute("UPDATE vni_holds SET since = since - INTERVAL 301 SECOND")
            let (vni, h2) = (try VNI(100), try NodeName("h2"))
            try await cluster.database.withSession { session in
                try VNIHoldStatements.setDevices("tap3", keeping: vni, of: old, on: h2, on: session)
            }
            let found = try await findings()
            #expect(found.count == 2)
            #expect(found.first?.remedy.contains("clusterctl node remove h1") == true, "\(found)")
            #expect(found.last?.message.contains("node 'h2' still has tap3") == true, "\(found)")
            #expect(found.last?.remedy.contains("nomaster") == true)
        }
    }
}

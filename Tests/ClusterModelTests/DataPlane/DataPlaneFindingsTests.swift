import ClusterModel
import DatabaseTime
import Testing

@Suite struct DataPlaneFindingsTests {
    private func path(_ from: String, _ to: String, _ state: PathFinding.State, size: Int? = nil) throws -> PathFinding
    {
        PathFinding(
            from: try NodeName(from),
            to: try NodeName(to),
            state: state,
            size: size,
            since: Timestamp(microseconds: 0),
            reason: "\(from) to \(to)"
        )
    }

    private func check(_ node: String, _ check: DataPlaneCheck) throws -> CheckFinding {
        CheckFinding(
            node: try NodeName(node),
            check: check,
            state: .failed,
            since: Timestamp(microseconds: 0),
            reason: "why"
        )
    }

    private func need(
        _ nodes: [String] = ["h1", "h2"],
        mtu: Int = 1450,
        egress: Bool = false
    ) throws -> DataPlaneFindings.Need {
        DataPlaneFindings.Need(
            nodes: Set(try nodes.map { try NodeName($0) }),
            mtu: try MTU(mtu),
            needsEgress: egress,
            elected: try NodeName("h1")
        )
    }

    private func judged(_ findings: DataPlaneFindings, _ need: DataPlaneFindings.Need) -> ([String], Bool) {
        let (problems, isAnswering) = findings.judge(need)
        return (problems.map { "\($0.node) \($0.what)" }, isAnswering)
    }

    @Test func `a path between two nodes of a network is its problem, and one to others is not`() throws {
        let findings = DataPlaneFindings(paths: [
            try path("h1", "h2", .unreachable), try path("h1", "h3", .unreachable),
        ])
        #expect(judged(findings, try need()) == (["h1 underlay"], false))
        #expect(judged(findings, try need(["h2", "h3"])) == ([], true))
        #expect(judged(DataPlaneFindings(), try need()) == ([], true))
    }

    @Test func `a path that loses long datagrams concerns the networks whose packets are so long`() throws {
        let findings = DataPlaneFindings(paths: [try path("h1", "h2", .limited, size: 1500)])
        #expect(judged(findings, try need()) == (["h1 underlay"], false))
        #expect(judged(findings, try need(mtu: 1449)) == ([], true))
    }

    @Test func `what loses no packets is a problem, and a network is converged all the same`() throws {
        let findings = DataPlaneFindings(paths: [
            try path("h1", "h2", .refused), try path("h2", "h1", .fragmented, size: 1500),
        ])
        #expect(judged(findings, try need()) == (["h1 underlay", "h2 underlay"], true))
    }

    @Test func `a failed check is a problem of the node's networks, an external bridge only of the elected node`()
        throws
    {
        let findings = DataPlaneFindings(checks: [
            try check("h1", .externalBridge), try check("h2", .bridgeFilter), try check("h2", .externalBridge),
        ])
        #expect(judged(findings, try need()) == (["h2 bridge_filter"], false))
        #expect(judged(findings, try need(egress: true)) == (["h1 external_bridge", "h2 bridge_filter"], false))
        #expect(judged(findings, try need(["h1"])) == ([], true))
    }

    @Test func `an egress that lacks the bridge of a failed check is no problem of its own`() throws {
        func written(_ node: String, _ what: String) throws -> NetworkProblem {
            NetworkProblem(node: try NodeName(node), what: what, since: Timestamp(microseconds: 0), message: "why")
        }
        let all = [try written("h1", "egress"), try written("h1", "ports"), try written("h2", "egress")]
        let findings = DataPlaneFindings(checks: [try check("h1", .externalBridge)])
        let faults = findings.judge(try need(egress: true)).problems
        let joined = DataPlaneFindings.joined(all, faults).map { "\($0.node) \($0.what)" }
        #expect(joined == ["h1 ports", "h2 egress", "h1 external_bridge"])
        #expect(DataPlaneFindings.joined(all, []) == all)
    }

    @Test func `a neighbour table that may become too small is for doctor, and no network's problem yet`() throws {
        let findings = DataPlaneFindings(checks: [try check("h1", .neighbourTable)])
        #expect(judged(findings, try need(egress: true)) == ([], true))
        #expect(DataPlaneCheck.allCases.filter { !$0.losesPackets } == [.neighbourTable])
    }

    @Test func `a node that is cut off from many is told of in a bounded number of problems`() throws {
        let nodes = (1...300).map { "h\($0)" }
        let findings = DataPlaneFindings(paths: try nodes.dropFirst().map { try path($0, "h1", .unreachable) })
        let (problems, isAnswering) = findings.judge(try need(nodes))
        #expect(problems.count == 20 && !isAnswering)
        #expect(problems.last?.message.hasSuffix("; and 279 more paths") == true)
    }
}

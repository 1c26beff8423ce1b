import Testing

@testable import ClusterModel
@testable import ClusterReports

@Suite struct ConvergenceTests {
    private func applied(_ parts: [(String, AppliedPart, Int, Int)]) throws -> [AppliedState] {
        try parts.map { AppliedState(node: try NodeName($0.0), what: $0.1, generation: $0.2, term: $0.3) }
    }

    @Test func `a network is converged when mesh and server are at the wanted generation everywhere`() throws {
        let wanted = Convergence(
            meshNodes: [try NodeName("h1"), try NodeName("h2")],
            needsServer: true,
            wantedGeneration: 5,
            term: 2
        )
        let meshed: [(String, AppliedPart, Int, Int)] = [("h1", .mesh, 5, 1), ("h2", .mesh, 6, 1)]
        #expect(try wanted.isReached(by: applied(meshed + [("h1", .dnsmasq, 5, 2)])))
        #expect(try !wanted.isReached(by: applied(meshed)))
        #expect(try !wanted.isReached(by: applied(meshed + [("h1", .dnsmasq, 4, 2)])))
        #expect(try !wanted.isReached(by: applied([("h1", .mesh, 5, 1), ("h1", .dnsmasq, 5, 2)])))
        #expect(try !wanted.isReached(by: applied([("h1", .mesh, 5, 1), ("h2", .mesh, 4, 1), ("h1", .dnsmasq, 5, 2)])))
        #expect(!wanted.isReached(by: []))
    }

    @Test func `what an earlier leader applied says nothing about the one that serves now`() throws {
        func wanted(in term: Int?) -> Convergence {
            Convergence(meshNodes: [], needsServer: true, wantedGeneration: 5, term: term)
        }
        #expect(try !wanted(in: 3).isReached(by: applied([("h1", .dnsmasq, 5, 2), ("h2", .dnsmasq, 4, 3)])))
        #expect(try wanted(in: 3).isReached(by: applied([("h1", .dnsmasq, 4, 2), ("h2", .dnsmasq, 5, 3)])))
        #expect(try !wanted(in: 3).isReached(by: applied([("h1", .dnsmasq, 5, 2)])), "the new one has applied nothing")
        #expect(try !wanted(in: nil).isReached(by: applied([("h1", .dnsmasq, 5, 2)])), "nobody serves")
    }

    @Test func `a network with NAT is converged when the node that serves now has made its egress`() throws {
        let wanted = Convergence(
            meshNodes: [],
            needsServer: true,
            needsEgress: true,
            wantedGeneration: 5,
            term: 2
        )
        let served: [(String, AppliedPart, Int, Int)] = [("h1", .dnsmasq, 5, 2)]
        #expect(try !wanted.isReached(by: applied(served)))
        #expect(try wanted.isReached(by: applied(served + [("h1", .egress, 5, 2)])))
        #expect(try !wanted.isReached(by: applied(served + [("h1", .egress, 4, 2)])))
        #expect(try !wanted.isReached(by: applied(served + [("h1", .egress, 5, 1)])))
        #expect(try !wanted.isReached(by: applied([("h1", .egress, 5, 2)])))
    }

    @Test func `a network without DHCP and DNS needs no server`() throws {
        let wanted = Convergence(meshNodes: [try NodeName("h1")], needsServer: false, wantedGeneration: 2, term: nil)
        #expect(try wanted.isReached(by: applied([("h1", .mesh, 2, 1)])))
    }
}

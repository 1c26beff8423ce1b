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
            elected: nil,
            term: 2
        )
        let meshed: [(String, AppliedPart, Int, Int)] = [("h1", .mesh, 5, 1), ("h2", .mesh, 6, 1)]
        #expect(try wanted.missing(from: applied(meshed + [("h1", .dnsmasq, 5, 2)])).isEmpty)
        #expect(try !wanted.missing(from: applied(meshed)).isEmpty)
        #expect(try !wanted.missing(from: applied(meshed + [("h1", .dnsmasq, 4, 2)])).isEmpty)
        #expect(try !wanted.missing(from: applied([("h1", .mesh, 5, 1), ("h1", .dnsmasq, 5, 2)])).isEmpty)
        #expect(
            try !wanted.missing(from: applied([("h1", .mesh, 5, 1), ("h2", .mesh, 4, 1), ("h1", .dnsmasq, 5, 2)]))
                .isEmpty
        )
        #expect(!wanted.missing(from: []).isEmpty)
    }

    @Test func `what an earlier leader applied says nothing about the one that serves now`() throws {
        func wanted(in term: Int?) -> Convergence {
            Convergence(meshNodes: [], needsServer: true, wantedGeneration: 5, elected: nil, term: term)
        }
        #expect(try !wanted(in: 3).missing(from: applied([("h1", .dnsmasq, 5, 2), ("h2", .dnsmasq, 4, 3)])).isEmpty)
        #expect(try wanted(in: 3).missing(from: applied([("h1", .dnsmasq, 4, 2), ("h2", .dnsmasq, 5, 3)])).isEmpty)
        #expect(
            try !wanted(in: 3).missing(from: applied([("h1", .dnsmasq, 5, 2)])).isEmpty,
            "the new one has applied nothing"
        )
        #expect(try !wanted(in: nil).missing(from: applied([("h1", .dnsmasq, 5, 2)])).isEmpty, "nobody serves")
    }

    @Test func `a network with NAT is converged when the node that serves now has made its egress`() throws {
        let wanted = Convergence(
            meshNodes: [],
            needsServer: true,
            needsEgress: true,
            wantedGeneration: 5,
            elected: nil,
            term: 2
        )
        let served: [(String, AppliedPart, Int, Int)] = [("h1", .dnsmasq, 5, 2)]
        #expect(try !wanted.missing(from: applied(served)).isEmpty)
        #expect(try wanted.missing(from: applied(served + [("h1", .egress, 5, 2)])).isEmpty)
        #expect(try !wanted.missing(from: applied(served + [("h1", .egress, 4, 2)])).isEmpty)
        #expect(try !wanted.missing(from: applied(served + [("h1", .egress, 5, 1)])).isEmpty)
        #expect(try !wanted.missing(from: applied([("h1", .egress, 5, 2)])).isEmpty)
    }

    @Test func `a network without DHCP and DNS needs no server`() throws {
        let wanted = Convergence(
            meshNodes: [try NodeName("h1")],
            needsServer: false,
            wantedGeneration: 2,
            elected: nil,
            term: nil
        )
        #expect(try wanted.missing(from: applied([("h1", .mesh, 2, 1)])).isEmpty)
    }

    @Test func `what is missing names the part, the node that is to apply it, and how far it is`() throws {
        let (h1, h2) = (try NodeName("h1"), try NodeName("h2"))
        func missing(elected: NodeName?, _ parts: [(String, AppliedPart, Int, Int)]) throws -> [Convergence.Missing] {
            Convergence(
                meshNodes: [h1, h2],
                needsServer: true,
                needsEgress: true,
                wantedGeneration: 5,
                elected: elected,
                term: elected == nil ? nil : 2
            ).missing(from: try applied(parts))
        }
        let parts: [(String, AppliedPart, Int, Int)] = [
            ("h1", .mesh, 5, 0), ("h2", .mesh, 4, 0), ("h1", .dnsmasq, 5, 1), ("h2", .egress, 3, 2),
        ]
        #expect(
            try missing(elected: h2, parts) == [
                .init(what: .mesh, node: h2, applied: 4), .init(what: .dnsmasq, node: h2, applied: nil),
                .init(what: .egress, node: h2, applied: 3),
            ]
        )
        #expect(
            try missing(elected: nil, parts) == [
                .init(what: .mesh, node: h2, applied: 4), .init(what: .dnsmasq, node: nil, applied: nil),
                .init(what: .egress, node: nil, applied: nil),
            ]
        )
        #expect(
            try missing(elected: h2, parts + [("h2", .mesh, 6, 0), ("h2", .dnsmasq, 5, 2), ("h2", .egress, 5, 2)]) == []
        )
    }
}

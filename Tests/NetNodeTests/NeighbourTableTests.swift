import Testing

@testable import NetNode

@Suite struct NeighbourTableTests {
    @Test func `the kernel's default is too small, and what deploy installs is not`() throws {
        let fault = try #require(NeighbourTable.fault(of: 1024))
        #expect(fault.contains("1024 entries") && fault.contains("60-clusterops.conf"))
        #expect(NeighbourTable.fault(of: 65_536) == nil && NeighbourTable.fault(of: NeighbourTable.enough) == nil)
    }
}

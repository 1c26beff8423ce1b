import ClusterModel
import Testing

@testable import NetNode

/// The runs that must not go on beside each other.
@Suite struct RunConstraintsTests {
    private let vni: VNI
    private let other: VNI

    init() throws { (vni, other) = (try VNI(100), try VNI(200)) }

    @Test func `devices are changed by one run at a time, and egress does not wait for it`() {
        var constraints = RunConstraints()
        #expect(constraints.begin([.network(vni), .node]) == [:])
        #expect(!constraints.canBegin(.network(other)) { _ in false })
        #expect(constraints.canBegin(.egress(vni)) { _ in false } && constraints.canBegin(.node) { _ in false })
        constraints.leaveKernel()
        #expect(constraints.canBegin(.network(other)) { _ in false })
    }

    @Test func `egress waits for the removal of its network, from when it is asked for until it has ended`() {
        var constraints = RunConstraints()
        constraints.ask(.namespace, of: vni)
        constraints.ask(.all, of: vni)
        constraints.ask(.namespace, of: vni)
        #expect(!constraints.canBegin(.egress(vni)) { _ in false })
        #expect(constraints.canBegin(.egress(other)) { _ in false })
        #expect(constraints.begin([.network(vni)]) == [vni: .all])
        constraints.leaveKernel()
        #expect(!constraints.canBegin(.egress(vni)) { _ in false })
        #expect(constraints.canBegin(.egress(other)) { _ in false })
        constraints.end(.egress(other))
        constraints.end(.network(other))
        #expect(!constraints.canBegin(.egress(vni)) { _ in false })
        constraints.end(.network(vni))
        #expect(constraints.canBegin(.egress(vni)) { _ in false })
        #expect(constraints.begin([.network(vni)]) == [:], "it was asked for once")
    }

    @Test func `a removal waits for the run of its network's egress, and no other run does`() {
        var constraints = RunConstraints()
        #expect(constraints.canBegin(.network(vni)) { $0 == .egress(vni) })
        constraints.ask(.all, of: vni)
        #expect(!constraints.canBegin(.network(vni)) { $0 == .egress(vni) })
        #expect(constraints.canBegin(.network(vni)) { $0 == .egress(other) })
        #expect(constraints.canBegin(.network(other)) { $0 == .egress(vni) })
    }
}

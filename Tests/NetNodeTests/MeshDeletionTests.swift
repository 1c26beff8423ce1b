import ClusterOpsTestKit
import MariaDB
import NetNode
import Testing

extension NamespaceTests {
    /// What happens beside a deletion that takes its time.
    @Suite struct MeshDeletionTests {
        @Test func `a deletion holds up no pass while what hangs on the devices is taken away`() async throws {
            try await withMesh(hosts: 1) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                let reconciler = try world.reconciler(0)
                #expect(try await reconciler.pass().hasConverged)
                try await world.drop(11, in: blue)
                let (isClearing, mayGoOn) = (Locked(false), Locked(false))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        let deletion = try await reconciler.delete(blue.vni) {
                            isClearing.update { $0 = true }
                            try await eventually("the deletion may go on") { mayGoOn.value }
                        }
                        #expect(deletion == .deleted)
                    }
                    try await eventually("it takes away what hangs there") { isClearing.value }
                    #expect(try await reconciler.pass().hasConverged)
                    mayGoOn.update { $0 = true }
                    try await group.waitForAll()
                }
            }
        }

        @Test func `what is wanted again while a deletion takes its time stays`() async throws {
            try await withMesh(hosts: 1) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                let reconciler = try world.reconciler(0)
                #expect(try await reconciler.pass().hasConverged)
                try await world.drop(11, in: blue)
                let deletion = try await reconciler.delete(blue.vni) { try await world.want(12, in: blue, on: 0) }
                #expect(deletion == .stillWanted)
                let links = try await world.underlay.run("ip -o link show", in: world.hosts[0].namespace)
                #expect(links.contains("cobr100") && links.contains("covx100"))
            }
        }
    }
}

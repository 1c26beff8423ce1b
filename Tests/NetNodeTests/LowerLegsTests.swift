import ClusterOps
import ClusterOpsTestKit
import Foundation
import Testing

extension NamespaceTests {
    /// What a supervisor runs after a `netnode` that was killed.
    @Suite struct LowerLegsTests {
        @Test func `after a kill the legs are taken down, not while a netnode runs, and the next one puts them up`()
            async throws
        {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                try await nodes.start(0)
                _ = try await nodes.elected()
                func legIsUp() async throws -> Bool {
                    try await world.underlay.run("ip -o link show dev cogw100", in: world.hosts[0].namespace)
                        .split(separator: ">")[0].contains(",UP")
                }
                #expect(try await legIsUp())
                let early = try await nodes.lowerLegs(0)
                #expect(try await early.end() == 1)
                #expect(early.log.contains("another netnode's"))
                #expect(try await legIsUp())
                try nodes.program(0).signal(SIGKILL)
                _ = try await nodes.program(0).end()
                #expect(try await legIsUp(), "a netnode that is killed can do nothing")
                for _ in 0..<2 {
                    let program = try await nodes.lowerLegs(0)
                    #expect(try await program.end() == 0, "\(program.log)")
                    let isUp = try await legIsUp()
                    #expect(!isUp)
                }
                let term = try await nodes.term()
                try await nodes.start(0)
                _ = try await nodes.elected(above: term)
                try await eventually("the leg is up again") { try await legIsUp() }
            }
        }
    }
}

import ClusterOpsTestKit
import Foundation
import NetNode
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

        @Test func `legs that stay up are an error that names them`() async throws {
            try await withEgress { world in
                try await world.pass(try world.both())
                let refusing = NamespaceReconciler(
                    prefix: world.node.namespacePrefix,
                    namespace: world.node.namespacePath,
                    runner: HostCommandRunner { command in
                        guard command.arguments.contains("-batch") else { return try await command.output() }
                        let line = "link set dev none down\n"
                        return try await HostCommand(
                            command.program,
                            command.arguments,
                            input: line,
                            namespace: command.namespace
                        ).output()
                    },
                    logger: .silent
                )
                let error = await #expect(throws: LegsStayUp.self) { try await refusing.lowerLegs() }
                #expect(error?.legs == ["coex100", "coex200", "cogw100", "cogw200"])
                #expect(error?.description.contains("coex100, coex200, cogw100 and 1 more could not be") == true)
                #expect(error?.description.contains("none") == true)
                try await world.namespaces.lowerLegs()
                try await refusing.lowerLegs()
            }
        }
    }
}

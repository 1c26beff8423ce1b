import ClusterOpsTestKit
import Foundation
import NetNode
import Testing

extension NamespaceTests {
    /// What a supervisor runs after a `netnode` that was killed.
    @Suite(.serialized) struct LowerVethsTests {
        @Test func `after a kill the veths are taken down, not while a netnode runs, and the next one puts them up`()
            async throws
        {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                try await nodes.start(0)
                _ = try await nodes.elected()
                func vethIsUp() async throws -> Bool {
                    try await world.underlay.run("ip -o link show dev cogw100", in: world.hosts[0].namespace)
                        .split(separator: ">")[0].contains(",UP")
                }
                #expect(try await vethIsUp())
                let early = try await nodes.lowerVeths(0)
                #expect(try await early.end() == 1)
                #expect(early.log.contains("another netnode's"))
                #expect(try await vethIsUp())
                try nodes.program(0).signal(SIGKILL)
                _ = try await nodes.program(0).end()
                #expect(try await vethIsUp(), "a netnode that is killed can do nothing")
                for _ in 0..<2 {
                    let program = try await nodes.lowerVeths(0)
                    #expect(try await program.end() == 0, "\(program.log)")
                    let isUp = try await vethIsUp()
                    #expect(!isUp)
                }
                let term = try await nodes.term()
                try await nodes.start(0)
                _ = try await nodes.elected(above: term)
                try await eventually("the veth is up again") { try await vethIsUp() }
            }
        }

        @Test func `veths that stay up are an error that names them`() async throws {
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
                let error = await #expect(throws: VethsStayUp.self) { try await refusing.lowerVeths() }
                #expect(error?.veths == ["coex100", "coex200", "cogw100", "cogw200"])
                #expect(error?.description.contains("coex100, coex200, cogw100 and 1 more could not be") == true)
                #expect(error?.description.contains("none") == true)
                try await world.namespaces.lowerVeths()
                try await refusing.lowerVeths()
            }
        }
    }
}

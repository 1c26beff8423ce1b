import ChildProcess
import ClusterOpsTestKit
import Foundation
import Testing

@testable import NetNode

extension NamespaceTests {
    /// What a pass may say, and when.
    @Suite(.serialized) struct ServerCertaintyTests {
        private func hosts(_ world: ServerWorld) -> String {
            let data = FileManager.default.contents(atPath: "\(world.directory)/100/hosts") ?? Data()
            return String(decoding: data, as: UTF8.self)
        }

        @Test func `a pass is not over before the server has read what is new`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let guest = try await world.guest(11)
                #expect(try await server.bring(to: world.wanted([])) == .started)
                let pid = try #require(await server.pid)
                kill(pid, SIGSTOP)
                let isOver = Locked(false)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        let pass = try await server.bring(to: world.wanted([world.host(11)]))
                        #expect(pass == .reloaded)
                        isOver.update { $0 = true }
                    }
                    try await eventually("the files are written") { hosts(world).contains("guest-11") }
                    // It takes a second until the guest gives up.
                    #expect(try await world.underlay.lease(of: guest, tries: 1) == nil)
                    #expect(!isOver.value)
                    kill(pid, SIGCONT)
                    try await group.waitForAll()
                }
                #expect(try await world.underlay.lease(of: guest, tries: 1)?["ip"] == "10.9.0.11")
                #expect(await server.pid == pid)
                await server.stop()
            }
        }

        @Test func `a pass that was cancelled in between leaves the next one in doubt, and it asks again`() async throws
        {
            try await withServers { world in
                let server = try world.networkServer()
                let wanted = try world.wanted([world.host(11)])
                #expect(try await server.bring(to: world.wanted([])) == .started)
                let pid = try #require(await server.pid)
                kill(pid, SIGSTOP)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        await #expect(throws: CancellationError.self) { try await server.bring(to: wanted) }
                    }
                    try await eventually("the files are written") { hosts(world).contains("guest-11") }
                    group.cancelAll()
                }
                kill(pid, SIGCONT)
                try await server.forgetDeclines()
                #expect(hosts(world).contains("guest-11"), "it is told nothing of before in between")
                #expect(try await server.bring(to: wanted) == .reloaded)
                #expect(try await server.bring(to: wanted) == .nothing)
                #expect(await server.pid == pid)
                await server.stop()
            }
        }

        @Test func `a server whose namespace was made anew is started again in the new one`() async throws {
            try await withServers(networks: 2) { world in
                // The name of a namespace that stands for another one later.
                let path = "\(world.directory)/namespace"
                let server = NetworkServer(
                    vni: try world.vni(),
                    namespacePath: path,
                    directory: "\(world.directory)/100",
                    credentials: try world.credentials(),
                    logger: .silent
                )
                let wanted = try world.wanted([world.host(11)])
                #expect(symlink(world.namespace(0).namespacePath, path) == 0)
                #expect(try await server.bring(to: wanted) == .started)
                #expect(try await server.bring(to: wanted) == .nothing)
                #expect(unlink(path) == 0 && symlink(world.namespace(1).namespacePath, path) == 0)
                #expect(try await server.bring(to: wanted) == .restarted)
                #expect(
                    try await world.underlay.lease(of: try await world.guest(11, in: 1), tries: 1)?["ip"] == "10.9.0.11"
                )
                #expect(world.serverProcesses() == [await server.pid])
                await server.stop()
            }
        }

        @Test func `a start that was cancelled leaves no process`() async throws {
            try await withServers { world in
                let server = try world.networkServer()
                let wanted = try world.wanted([world.host(11)])
                for _ in 0..<10 {
                    await withTaskGroup { group in
                        group.addTask { _ = try? await server.bring(to: wanted) }
                        try? await eventually("it is being started") { !world.serverProcesses().isEmpty }
                        group.cancelAll()
                    }
                    let pid = await server.pid
                    #expect(world.serverProcesses() == (pid.map { [$0] } ?? []))
                    await server.stop()
                    #expect(world.serverProcesses() == [])
                }
            }
        }

        @Test func `many passes at once over one network leave one server, which is as the last one wanted`()
            async throws
        {
            try await withServers { world in
                let server = try world.networkServer()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 20..<40 {
                        group.addTask {
                            let mtu = number.isMultiple(of: 5) ? 1400 : 1450
                            _ = try await server.bring(to: world.wanted([world.host(number)], mtu: mtu))
                        }
                    }
                    try await group.waitForAll()
                }
                _ = try await server.bring(to: world.wanted([world.host(11)]))
                #expect(try await server.bring(to: world.wanted([world.host(11)])) == .nothing)
                #expect(world.serverProcesses() == [await server.pid])
                #expect(try await world.underlay.lease(of: try await world.guest(11), tries: 1)?["ip"] == "10.9.0.11")
                await server.stop()
            }
        }

        @Test func `a server that cannot have its address is an error that tells why, and none is left`() async throws {
            try await withServers { world in
                try await world.underlay.run("ip addr flush dev gw0", in: world.namespace().namespace)
                let server = try world.networkServer()
                let wanted = try world.wanted([])
                let error = await #expect(throws: ServerError.self) { try await server.bring(to: wanted) }
                #expect(error?.description.contains("unknown interface gw0") == true)
                #expect(world.serverProcesses() == [])
                #expect(await server.pid == nil)
            }
        }
    }
}

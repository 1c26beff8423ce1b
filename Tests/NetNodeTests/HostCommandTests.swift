import ChildProcess
import Foundation
import NetNode
import Testing

@testable import ClusterOpsTestKit

@Suite struct HostCommandTests {
    @Test func `a failure names the program, its arguments, its exit code and its last words`() async throws {
        let command = HostCommand(.ip, ["link", "show", "dev", "cono-such"])
        let error = try await #require(throws: HostCommandError.self) { try await command.text() }
        #expect(error.reason == .ended(.code(1)))
        #expect(
            error.description
                == "'ip link show dev cono-such' ended with exit code 1: Device \"cono-such\" does not exist."
        )
        // Whoever judges exit codes himself gets them.
        #expect(try await command.output().exit == .code(1))
    }

    @Test func `a program that does not end is killed when its time is up`() async throws {
        let command = HostCommand(.ip, ["monitor", "link"], timeout: .milliseconds(200))
        let error = try await #require(throws: HostCommandError.self) { try await command.text() }
        #expect(error.reason == .timedOut && error.description.contains("was killed after 0.2 seconds"))
    }

    @Test func `a cancelled command is killed, and cancellation is what is thrown`() async throws {
        let thrown = await withTaskGroup(of: (any Error)?.self) { group in
            group.addTask {
                do {
                    _ = try await HostCommand(.ip, ["monitor", "link"], timeout: .seconds(600)).text()
                    return nil
                } catch {
                    return error
                }
            }
            group.cancelAll()
            return await group.next() ?? nil
        }
        #expect(thrown is CancellationError)
    }

    @Test func `a namespace that is not there is no other namespace`() async throws {
        let command = HostCommand(.ip, ["link"], namespace: "/run/netns/cotest-none")
        let error = try await #require(throws: HostCommandError.self) { try await command.text() }
        guard case .notStarted = error.reason else {
            Issue.record("\(error)")
            return
        }
        #expect(error.description.hasPrefix("'ip link' (in /run/netns/cotest-none) could not be started: "))
    }
}

extension NamespaceTests {
    @Suite(.serialized) struct NamespaceHostsTests {
        private struct Stop: Error {}

        /// The namespaces that there are of hosts, by the beginning of their names: other tests have theirs.
        private func present(_ prefix: String) -> [String] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: "/run/netns")) ?? []
            return names.filter { $0.hasPrefix(prefix) }
        }

        private func prefix(of hosts: NamespaceHosts) -> String {
            String(hosts.hosts[0].namespace.dropLast("h1".count))
        }

        @Test func `whatever happens to a test, its namespaces go`() async throws {
            let prefixes = Locked<[String]>([])
            await #expect(throws: Stop.self) {
                try await withHosts(count: 2) { hosts in
                    let prefix = prefix(of: hosts)
                    prefixes.update { $0.append(prefix) }
                    #expect(present(prefix).count == 3)
                    let said = try await hosts.run("ping -c 1 -W 5 192.0.2.2", in: hosts.hosts[0].namespace)
                    #expect(said.contains(" 0% packet loss"))
                    throw Stop()
                }
            }
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    try? await withHosts(count: 1) { hosts in
                        let prefix = prefix(of: hosts)
                        prefixes.update { $0.append(prefix) }
                        #expect(present(prefix).count == 2)
                        withUnsafeCurrentTask { $0?.cancel() }
                        try Task.checkCancellation()
                    }
                }
            }
            #expect(prefixes.value.count == 2 && prefixes.value.flatMap(present) == [])
        }

        @Test func `the next run removes what a killed one has left, and nothing else`() async throws {
            let child = try await SupervisedChild.start(ChildSpecification(executable: "true"))
            _ = try await child.exit
            // A zombie: sleep does not reap what the shell has started.
            let parent = try await SupervisedChild.start(
                ChildSpecification(
                    executable: "sh",
                    arguments: ["-c", "sleep 1000 & echo $!; exec sleep 1000"],
                    standardOutput: .collect(limit: 100, keeping: .head)
                )
            )
            try await eventually("the shell has said which, and gone") {
                try String(contentsOfFile: "/proc/\(parent.pid)/comm", encoding: .utf8) == "sleep\n"
                    && parent.standardOutput.text.hasSuffix("\n")
            }
            let zombie = parent.standardOutput.text.trimmingCharacters(in: .whitespacesAndNewlines)
            kill(try #require(Int32(zombie)), SIGKILL)
            try await eventually("it has ended") {
                try String(contentsOfFile: "/proc/\(zombie)/stat", encoding: .utf8).contains(") Z ")
            }
            let left = [
                "cotest-\(child.pid)-x-u", "cotest-\(child.pid)-x-h12", "cotest-\(child.pid)-x-g3",
                "cotest-\(zombie)-x-h1",
            ]
            let others = ["cotest-1-x-h1", "cotest-\(child.pid)-x-h1-y", "cotest-\(child.pid)-x"]
            for name in left + others { try await HostTool.run("ip", ["netns", "add", name]) }
            try await withHosts(count: 1) { _ in }
            let names = try FileManager.default.contentsOfDirectory(atPath: "/run/netns")
            for name in others { try await HostTool.run("ip", ["netns", "del", name]) }
            await parent.terminate(grace: .zero)
            #expect(left.allSatisfy { !names.contains($0) } && others.allSatisfy(names.contains))
        }
    }
}

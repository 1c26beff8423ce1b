import ClusterOpsTestKit
import ClusterStore
import Foundation
import Glibc
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel

/// What a command can learn of the daemon whose user it is.
@Suite(.timeLimit(.minutes(15)), .enabled("needs root, to become another user") { geteuid() == 0 })
struct CommandSecretTests {
    /// Counts the files with secrets that it can open, and says whether it can open anything of the kind at all.
    private static let script = """
        n=0; own=0
        for f in PASSWORD /proc/[0-9]*/mem /proc/[0-9]*/environ; do
            case $f in /proc/$$/*) continue ;; esac
            if (exec 3<"$f") 2>/dev/null; then n=$((n + 1)); fi
        done
        if (exec 3</proc/$$/mem) 2>/dev/null; then own=1; fi
        echo "{\\"readable\\": $n, \\"own\\": $own, \\"variables\\": $(env | grep -c -e CREDENTIALS -e PASSWORD)}"
        """

    @Test func `a command reads neither the password of the worker whose user it is, nor its memory`() async throws {
        try await withRoles { world in
            let cluster = world.cluster
            var environment = try world.environment(try await world.user(.worker))
            let password = try #require(environment["CLUSTEROPS_DATABASE_PASSWORD_FILE"])
            environment["CLUSTEROPS_DATABASE_PASSWORD_FILE"] = "/dev/stdin"
            environment["CREDENTIALS_DIRECTORY"] = "/run/credentials/none"
            environment["CLUSTEROPS_HTTP_QUEUEWORKER"] = "off"
            let file = "\(try world.server.directory.scratch())/config.yaml"
            let script = JSONValue.string(Self.script.replacing("PASSWORD /proc", with: "\(password) /proc")).text
            try "tasks: {look: {command: [/bin/sh, -c, \(script)], max_attempts: 1}}\n"
                .write(toFile: file, atomically: true, encoding: .utf8)
            environment["CLUSTEROPS_CONFIG"] = file
            let become = "exec setpriv --reuid=61234 --regid=61234 --clear-groups \"$0\" \"$@\" <'\(password)'"
            let worker = try await RunningProgram(
                "queueworker",
                ["run", "--node", "h1"],
                environment: environment,
                through: ["/bin/sh", "-c", become]
            )
            try await eventually("it knows the password, and registers") {
                try await cluster.count("SELECT COUNT(*) FROM registered_tasks") == 1
            }
            let input = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(worker.pid)/fd/0")
            #expect(input == "/dev/null", "the password's file was closed once it was read")
            func look() async throws -> ClusterModel.Operation {
                let request = OperationRequest(tasks: [try TaskName("look")])
                let id = try await cluster.queue.enqueue(request).uuid
                try await eventually("it ends") { try await cluster.operation(id).state.isTerminal }
                return try await cluster.operation(id)
            }
            let first = try await look()
            #expect(
                first.result == "{\"readable\": 0, \"own\": 1, \"variables\": 0}\n",
                "\(String(describing: first.error))"
            )
            // A reload checks the password again, which is remembered.
            try "log: {level: debug}\ntasks: {look: {command: [/bin/true]}}\n"
                .write(toFile: file, atomically: true, encoding: .utf8)
            worker.signal(SIGHUP)
            try await eventually("it is reloaded") { worker.log.contains("configuration reloaded") }
            #expect(try await look().state == .complete && worker.isRunning, "\(worker.log)")
        }
    }
}

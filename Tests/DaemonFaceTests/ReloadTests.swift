import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Glibc
import MariaDB
import Testing

/// What SIGHUP changes in a real queueworker.
@Suite(.timeLimit(.minutes(15))) struct ReloadTests {
    @Test func `tasks that are added are registered and run, those that are removed are not, and what runs goes on`()
        async throws
    {
        try await withFacedCluster { cluster in
            let scratch = "\(try PrivateServer.shared.directory.scratch())/went"
            let old = "{old: {command: [/bin/sh, -c, 'until [ -e \(scratch) ]; do sleep 0.05; done']}}"
            let manager = try NotifyListener("@clusterops-test-\(getpid())-\(UInt64.random(in: 0 ... .max))")
            let worker = try await FacedWorker.start(
                cluster.configuration,
                tasks: old,
                environment: ["NOTIFY_SOCKET": manager.variable]
            )
            let running = try await cluster.enqueue("old")
            try await eventually("it runs, and is ready") {
                let state = try await cluster.operation(running).state
                return state == .executing && manager.count("READY=1") == 1
            }
            try worker.rewrite(tasks: "{new: {command: [/bin/touch, \(scratch)]}}", rest: "log: {level: debug}\n")
            worker.program.signal(SIGHUP)
            // Registered by the reload, and run by a worker that has not been started anew.
            let new = try await cluster.enqueue("new")
            #expect(try await cluster.queue.ends(of: [new, running], timeout: nil).inTime)
            #expect(try await cluster.operation(new).state == .complete)
            #expect(try await cluster.operation(running).state == .complete)
            #expect(try await cluster.count("SELECT COUNT(*) FROM registered_tasks WHERE name = 'old'") == 0)
            #expect(worker.entries("configuration reloaded").map { $0["changed"] } == ["log.level tasks.new tasks.old"])
            #expect(try await cluster.count("SELECT COUNT(*) FROM sessions") == 1)
            #expect(manager.count("RELOADING=1") == 1 && manager.count("MONOTONIC_USEC=") == 1)
            #expect(manager.count("READY=1") == 2)
            #expect(worker.program.isRunning)
        }
    }

    @Test func `a file that is wrong keeps the old configuration, and says with its line what is wrong`() async throws {
        try await withFacedCluster { cluster in
            let tasks = "{old: {command: [/bin/true]}}"
            let worker = try await FacedWorker.start(cluster.configuration, tasks: tasks)
            let first = try await cluster.enqueue("old")
            _ = try await cluster.queue.ends(of: [first], timeout: nil)
            try worker.rewrite(tasks: "{new: {command: []}}")
            worker.program.signal(SIGHUP)
            try await eventually("it says so") {
                worker.entries("the configuration was not reloaded; the old one holds").count == 1
            }
            let error = worker.entries("the configuration was not reloaded; the old one holds").first?["error"]
            #expect(error?.hasPrefix("\(worker.configurationPath):2: tasks.new.command: ") == true, "\(error ?? "")")
            let second = try await cluster.enqueue("old")
            _ = try await cluster.queue.ends(of: [second], timeout: nil)
            #expect(try await cluster.operation(second).state == .complete)
        }
    }

    @Test func `keys that hold from the next start are named, until there is one`() async throws {
        try await withFacedCluster { cluster in
            let worker = try await FacedWorker.start(cluster.configuration)
            try await eventually("it is ready") { try await worker.status("readyz") == 200 }
            try worker.rewrite(tasks: "{}", rest: "history: {retention: 7d}\nelection: {lease: 9s}\n")
            for reload in 1...2 {
                worker.program.signal(SIGHUP)
                try await eventually("it says which") {
                    worker.entries("some keys hold from the next start").map { $0["keys"] }
                        == Array(repeating: "election.lease", count: reload)
                }
            }
            #expect(worker.entries("configuration reloaded").map { $0["changed"] } == ["history.retention", "nothing"])
        }
    }
}

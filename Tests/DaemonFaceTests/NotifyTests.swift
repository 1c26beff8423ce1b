import ClusterOpsTestKit
import Foundation
import Glibc
import Testing

@testable import DaemonFace

/// What a service manager hears of a real queueworker.
@Suite(.timeLimit(.minutes(15))) struct NotifyTests {
    /// Far above the pauses of a loaded machine that runs many processes.
    private static let watchdog = "400000"

    private func abstractName() -> String { "@clusterops-test-\(getpid())-\(UInt64.random(in: 0 ... .max))" }

    @Test(arguments: [true, false])
    func `it says that it is ready once it is, stopping at the first signal, and between them that it lives`(
        isAbstract: Bool
    ) async throws {
        try await withCluster { cluster in
            let path = isAbstract ? abstractName() : "\(try PrivateServer.shared.directory.scratch())/n"
            let manager = try NotifyListener(path)
            let worker = try await FacedWorker.start(
                cluster.configuration,
                environment: ["NOTIFY_SOCKET": path, "WATCHDOG_USEC": Self.watchdog]
            )
            // Its node is not there: it may take its time.
            try await eventually("it asks for patience") { manager.count("EXTEND_TIMEOUT_USEC=30000000") > 0 }
            try await eventually("it says what is missing") {
                manager.lines.contains { $0.hasPrefix("STATUS=not_ready") }
            }
            #expect(manager.count("READY=1") == 0)
            try await cluster.addNode("h1")
            try await eventually("it is ready") { manager.count("READY=1") == 1 }
            try await eventually("it says so to people") { manager.lines.contains("STATUS=ready") }
            let fed = manager.count("WATCHDOG=1")
            try await eventually("it feeds the watchdog") { manager.count("WATCHDOG=1") > fed + 3 }
            #expect(manager.count("STOPPING=1") == 0)
            worker.program.signal(SIGTERM)
            #expect(try await worker.program.end() == 0)
            #expect(manager.count("STOPPING=1") == 1 && manager.count("READY=1") == 1)
        }
    }

    @Test func `a process that is stopped feeds the watchdog no more, one whose database hangs does`() async throws {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withFacedCluster(on: server) { cluster in
            let manager = try NotifyListener(abstractName())
            let worker = try await FacedWorker.start(
                cluster.configuration,
                environment: ["NOTIFY_SOCKET": manager.variable, "WATCHDOG_USEC": Self.watchdog]
            )
            try await eventually("it is ready") { manager.count("READY=1") == 1 }
            server.suspend()
            try await eventually("it says that it is not ready") {
                manager.lines.last { $0.hasPrefix("STATUS=") }?.hasPrefix("STATUS=not_ready") == true
            }
            let fed = manager.count("WATCHDOG=1")
            // Half a second of it at least: to start it anew would heal no database.
            try await eventually("it is fed on") { manager.count("WATCHDOG=1") > fed + 5 }
            server.resume()
            try await eventually("it is ready again") {
                manager.lines.last { $0.hasPrefix("STATUS=") } == "STATUS=ready"
            }
            #expect(manager.count("READY=1") == 1)

            worker.program.signal(SIGSTOP)
            let silent = ContinuousClock.now
            var (last, since) = (manager.count("WATCHDOG=1"), silent)
            try await eventually("nothing comes for five of its times") {
                let count = manager.count("WATCHDOG=1")
                if count != last { (last, since) = (count, .now) }
                return ContinuousClock.now - since > .seconds(2)
            }
            worker.program.signal(SIGCONT)
            try await eventually("it is fed again") { manager.count("WATCHDOG=1") > last }
        }
    }

    @Test func `a watchdog of another process is not fed`() async throws {
        try await withFacedCluster { cluster in
            let manager = try NotifyListener(abstractName())
            let worker = try await FacedWorker.start(
                cluster.configuration,
                environment: [
                    "NOTIFY_SOCKET": manager.variable, "WATCHDOG_USEC": Self.watchdog, "WATCHDOG_PID": "1",
                ]
            )
            try await eventually("it is ready") { manager.count("READY=1") == 1 }
            worker.program.signal(SIGTERM)
            #expect(try await worker.program.end() == 0)
            #expect(manager.count("WATCHDOG=1") == 0)
        }
    }

    @Test func `a manager that is not there, or an address that is none, keeps nothing from working`() async throws {
        #expect(NotifySocket(nil) == nil && NotifySocket("") == nil && NotifySocket("relative") == nil)
        #expect(NotifySocket("/" + String(repeating: "x", count: 107)) == nil)
        #expect(NotifySocket("/nonexistent/notify")?.send(["READY=1"]) == false)
        try await withFacedCluster { cluster in
            let worker = try await FacedWorker.start(
                cluster.configuration,
                environment: ["NOTIFY_SOCKET": "/nonexistent/notify", "WATCHDOG_USEC": "1000000"]
            )
            try await eventually("it is ready") { try await worker.status("readyz") == 200 }
        }
    }
}

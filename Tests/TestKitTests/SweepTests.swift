import ClusterOpsTestKit
import Foundation
import Testing

@Suite struct SweepTests {
    @Test func `what a killed test run left behind is ended and removed, what a living one owns stays`() async throws {
        let living = try PrivateServer.shared.directory
        let orphan = "/tmp/clusterops-test-0-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: orphan, withIntermediateDirectories: true)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sleep")
        process.arguments = ["3000"]
        process.environment = ["CLUSTEROPS_DATABASE_SOCKET": "\(orphan)/socket"]
        let ended = AsyncStream<Void>.makeStream()
        process.terminationHandler = { _ in ended.continuation.finish() }
        try process.run()

        ServerDirectory.sweepAbandoned()
        for await _ in ended.stream {}
        #expect(process.terminationReason == .uncaughtSignal)
        #expect(!FileManager.default.fileExists(atPath: orphan))
        #expect(FileManager.default.fileExists(atPath: living.socket))
    }
}

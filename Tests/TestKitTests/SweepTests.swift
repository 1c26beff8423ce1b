import ChildProcess
import ClusterOpsTestKit
import Foundation
import Testing

@Suite struct SweepTests {
    @Test func `what a killed test run left behind is ended and removed, what a living one owns stays`() async throws {
        let living = try PrivateServer.shared.directory
        let orphan = "/tmp/clusterops-test-0-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: orphan, withIntermediateDirectories: true)
        let child = try await SupervisedChild.start(
            ChildSpecification(
                executable: "/bin/sleep",
                arguments: ["3000"],
                environment: ["CLUSTEROPS_DATABASE_SOCKET": "\(orphan)/socket"]
            )
        )
        ServerDirectory.sweepAbandoned()
        #expect(try await child.exit == .signal(SIGKILL))
        #expect(!FileManager.default.fileExists(atPath: orphan))
        #expect(FileManager.default.fileExists(atPath: living.socket))
    }
}

import ClusterOpsTestKit
import Foundation
import Testing

/// The short form of `clusterops-hammer --liveness`; `CLUSTEROPS_LIVENESS_SECONDS` makes it longer.
@Suite(.timeLimit(.minutes(15))) struct LivenessTests {
    private static let standardSeconds = 24

    @Test func `while load lasts, what can run starts within a bound, and what waits is explained by what is true`()
        async throws
    {
        let server = try PrivateServer(buffers: PrivateServer.roomyBuffers, isClockStepped: true)
        defer { server.destroy() }
        let asked = ProcessInfo.processInfo.environment["CLUSTEROPS_LIVENESS_SECONDS"].flatMap(Int.init)
        let seconds = min(600, max(Self.standardSeconds, asked ?? Self.standardSeconds))
        var settings = LivenessSettings(seed: .random(in: .min ... .max), duration: .seconds(seconds))
        settings.stepClock = { try server.stepClock(by: $0) }
        let report = try await Liveness(settings).run(on: server)
        print(report)
        #expect(report.exitCode == 0, "\(report)")
    }
}

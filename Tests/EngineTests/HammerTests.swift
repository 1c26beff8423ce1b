import ClusterOpsTestKit
import Testing

/// The short form of `clusterops-hammer`.
@Suite(.timeLimit(.minutes(15))) struct HammerTests {
    @Test func `under kills, cuts and twenty callers nothing is lost, doubled, stuck or done with stale eyes`()
        async throws
    {
        // A server of its own: connections are dropped by the hundred, and other tests wait for their turns.
        let server = try PrivateServer()
        defer { server.destroy() }
        let seed = UInt64.random(in: .min ... .max)
        var settings = HammerSettings(seed: seed, duration: .seconds(10), clients: 20, workers: 4)
        settings.networks = 6
        let report = try await Hammer(settings).run(on: server)
        #expect(report.exitCode == 0, "\(report)")
    }
}

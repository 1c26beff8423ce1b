import ArgumentParser
import ClusterEngine
import ClusterOpsTestKit
import Foundation

/// The long form of the hammer that the tests run for ten seconds.
///
/// A program and not a benchmark: it measures nothing, and its exit code is what counts. It starts a server of its
/// own, so that it disturbs no database but that.
@main struct ClusterOpsHammer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clusterops-hammer",
        abstract: "Hammers on a private database with callers, workers, kills and cut connections, and checks.",
        discussion: "Exit codes: 0 every promise was kept, 1 one was broken, 2 the run proves nothing."
    )

    @Option(help: "How long requests are made.") var seconds = 60
    @Option(help: "Callers at once.") var clients = 160
    @Option(help: "Workers at once.") var workers = 16
    @Option(help: "Exclusive targets.") var networks = 20
    @Flag(help: "On a Galera cluster, with writes to all three members, of which one is killed.") var galera = false
    @Flag(help: "Look for what could run and does not, instead of what is lost or doubled.") var liveness = false
    @Option(help: "What every choice follows from.") var seed = UInt64.random(in: .min ... .max)

    func validate() throws {
        guard (1...86_400).contains(seconds), (1...1000).contains(clients), (2...64).contains(workers),
            (1...1000).contains(networks)
        else {
            throw ValidationError("1 to 86400 seconds, 1 to 1000 clients, 2 to 64 workers, 1 to 1000 networks")
        }
    }

    func run() async throws {
        if liveness { return try await look() }
        var settings = HammerSettings(seed: seed, duration: .seconds(seconds), clients: clients, workers: workers)
        settings.networks = networks
        print("hammering for \(seconds) s, seed \(seed)")
        if galera { return try await hammerOnGalera(settings) }
        let server = try PrivateServer(buffers: PrivateServer.roomyBuffers)
        defer { server.destroy() }
        let report = try await Hammer(settings).run(on: server)
        print(report)
        guard report.exitCode == 0 else { throw ExitCode(report.exitCode) }
    }

    private func hammerOnGalera(_ settings: HammerSettings) async throws {
        let galera = try PrivateGalera()
        defer { galera.destroy() }
        let (members, third) = (galera.members.map(\.server), Duration.seconds(seconds) / 3)
        var settings = settings
        settings.disturbServers = {
            // The load is to be there before the loss,
            try await Task.sleep(for: third)
            members[2].kill()
            // for as long as the member is away, and after it.
            try await Task.sleep(for: third / 2)
            try members[2].start()
        }
        let report = try await Hammer(settings).run(on: members[0], members[1], members[2])
        print(report)
        guard report.exitCode == 0 else { throw ExitCode(report.exitCode) }
    }

    private func look() async throws {
        print("looking for what could run and does not for \(seconds) s, seed \(seed)")
        let server = try PrivateServer(buffers: PrivateServer.roomyBuffers, isClockStepped: true)
        defer { server.destroy() }
        var settings = LivenessSettings(seed: seed, duration: .seconds(seconds))
        settings.stepClock = { try server.stepClock(by: $0) }
        let report = try await Liveness(settings).run(on: server)
        print(report)
        guard report.exitCode == 0 else { throw ExitCode(report.exitCode) }
    }
}

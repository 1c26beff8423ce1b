import ClusterEngine
import MariaDB

/// One worker that is killed, cut off and slowed again and again, as a process and its network are.
struct HammerWorker: Sendable {
    private enum Trouble: CaseIterable {
        case kill, isolate, drop, slow
    }

    let node: String
    /// The way that the worker takes.
    let cluster: TestCluster
    /// The proxy between it and the database; nil for a worker that is only killed.
    let proxy: DatabaseProxy?
    let handlers: [any TaskHandler]
    let settings: HammerSettings
    let ledger: HammerLedger
    let random: SeededGenerator

    /// Works, with troubles until `quiet`, and from then on undisturbed until it is cancelled.
    func run(quietFrom quiet: ContinuousClock.Instant) async throws {
        var random = random
        while !Task.isCancelled {
            let isQuiet = ContinuousClock.now >= quiet
            let troubles = isQuiet ? [] : troubles(until: quiet, &random)
            let worker = try cluster.liveWorker(node, handlers: handlers, slots: 4, lease: settings.lease)
            try await cluster.withWorkers([worker]) {
                for trouble in troubles {
                    try await Task.sleep(for: trouble.after)
                    try await make(trouble.trouble)
                }
                // The last of the troubles is the end of this worker; a quiet one goes on.
                if isQuiet { try await Task.sleep(for: .seconds(3600)) }
            }
        }
    }

    /// Returns the troubles of one worker, of which the last is that it is killed.
    private func troubles(
        until quiet: ContinuousClock.Instant,
        _ random: inout SeededGenerator
    ) -> [(trouble: Trouble, after: Duration)] {
        var troubles: [(trouble: Trouble, after: Duration)] = []
        var rest = quiet - .now
        while rest > .zero {
            let pause = Duration.milliseconds(Int.random(in: 300...2500, using: &random))
            let trouble = proxy == nil ? .kill : Trouble.allCases.randomElement(using: &random) ?? .kill
            troubles.append((trouble, pause))
            if trouble == .kill { break }
            rest -= pause
        }
        return troubles
    }

    private func make(_ trouble: Trouble) async throws {
        switch trouble {
        case .kill:
            ledger.note { $0.kills += 1 }
        case .isolate:
            ledger.note { $0.isolations += 1 }
            // With its hands full: only work that goes on shows whether it is stopped in time.
            ledger.setHanging(node, true)
            defer { ledger.setHanging(node, false) }
            try await Task.sleep(for: .milliseconds(200))
            proxy?.isolate()
            try await Task.sleep(for: settings.lease * 2)
            proxy?.endIsolation()
        case .drop:
            ledger.note { $0.drops += 1 }
            proxy?.dropAll()
        case .slow:
            proxy?.slow(.delayed(milliseconds: 10))
            try await Task.sleep(for: .milliseconds(500))
            proxy?.slow(.normal)
        }
    }
}

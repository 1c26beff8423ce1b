import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterReports
import ClusterStore
import Logging
import MariaDB
import Testing

@testable import DaemonFace

/// The judgements, without a daemon.
@Suite struct HealthTests {
    private let now = SuspendingClock.now
    /// The same, by the clock of leases.
    private let leaseNow = ContinuousClock.now
    private let judge = WorkHealth(lease: .seconds(10), pollInterval: .seconds(2))

    private func reading(heldFor lease: Duration? = .seconds(5), silentFor silence: Duration) -> WorkPulse.Reading {
        WorkPulse.Reading(heldUntil: lease.map { leaseNow + $0 }, turnedAt: now - silence)
    }

    @Test func `a session counts while its lease lasts`() {
        #expect(judge.session(reading(silentFor: .zero), at: leaseNow).isReady)
        #expect(!judge.session(reading(heldFor: .zero, silentFor: .zero), at: leaseNow).isReady)
        #expect(!judge.session(reading(heldFor: nil, silentFor: .zero), at: leaseNow).isReady)
    }

    @Test
    func
        `a loop that has not turned for two polls and a lease is not ready, and after three leases and a minute stuck`()
    {
        for (silence, ready, live) in [(14, true, true), (15, false, true), (94, false, true), (95, false, false)] {
            let finding = judge.claims(reading(silentFor: .seconds(silence)), at: now)
            #expect(finding.isReady == ready && finding.isLive == live, "\(silence)")
        }
    }

    @Test func `a loop that turns and cannot claim is not ready, and says why`() {
        var reading = reading(silentFor: .seconds(1))
        reading.error = "claiming failed: no privilege"
        let finding = judge.claims(reading, at: now)
        #expect(!finding.isReady && finding.isLive && finding.state.hasSuffix("claiming failed: no privilege"))
    }

    @Test func `a schema that the program does not work with is a reason not to be ready, none to be started anew`() {
        let known = WorkPulse.schemaOfProgram
        for (version, floor, ready) in [
            (known - 1, known - 1, false), (known, known, true), (known + 2, known, true),
            (known + 2, known + 1, false),
        ] {
            var reading = reading(silentFor: .zero)
            reading.schema = Migrations.migrator.status(at: version, floor: floor)
            let finding = WorkHealth.schema(reading)
            #expect(finding.isReady == ready && finding.isLive && finding.state.contains("version \(version)"))
        }
        #expect(WorkHealth.schema(reading(silentFor: .zero)).isReady)
    }

    @Test func `a drain is live and not ready whatever the checks say`() {
        let bad = Finding("claims", isReady: false, isLive: false, "stuck")
        #expect(!HealthReport(findings: [bad], isDraining: false).isLive)
        let report = HealthReport(findings: [bad], isDraining: true)
        #expect(report.isLive && !report.isReady && report.status == "draining")
    }

    @Test func `a worker that is stuck is not live although its database answers`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let pulse = WorkPulse()
            var parts = Worker.Parts(
                database: cluster.database,
                handlers: [NoopHandler()],
                doorbell: Doorbell(),
                // Never answers: what the loop waits for between two sessions.
                address: {
                    try? await Task.sleep(for: .seconds(3600))
                    return nil
                },
                waker: NoWaker(),
                counters: CoalescingCounters(database: cluster.database),
                children: NoChildren(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            )
            parts.pulse = pulse
            let (lease, poll): (Duration, Duration) = (.milliseconds(100), .milliseconds(10))
            let worker = Worker(
                Worker.Settings(
                    daemon: .queueworker,
                    node: try NodeName("h1"),
                    slots: 1,
                    pollInterval: poll,
                    stalenessBound: .seconds(60),
                    lease: SessionLease.Timing(lease: lease, renew: lease / 4)
                ),
                parts,
                targets: { [.any] }
            )
            try await cluster.withWorkers([worker]) {
                try await eventually("it has begun") {
                    try await cluster.count("SELECT COUNT(*) FROM nodes") == 1 && pulse.reading.error == nil
                }
                let turned = pulse.reading.turnedAt
                let judge = WorkHealth(lease: lease, pollInterval: poll)
                // Not waited for: the judge is told that the time has passed.
                let later = turned + judge.liveBound + .seconds(1)
                try await eventually("it is stuck for a second") {
                    SuspendingClock.now - pulse.reading.turnedAt > .seconds(1)
                }
                #expect(!judge.claims(pulse.reading, at: later).isLive)
                #expect(!judge.session(pulse.reading, at: .now).isReady)
            }
        }
    }

    @Test func `a manager is told of changes once, and of life at half of its time`() {
        var state = NotifyState(watchdog: .seconds(10))
        let start = ContinuousClock.now
        let starting = HealthReport(findings: [Finding("session", isReady: false, "none")], isDraining: false)
        let ready = HealthReport(findings: [], isDraining: false)
        let stuck = HealthReport(findings: [Finding("claims", isReady: false, isLive: false, "x")], isDraining: false)
        let draining = HealthReport(findings: [], isDraining: true)
        #expect(
            state.assignments(starting, at: start) == [
                "EXTEND_TIMEOUT_USEC=30000000", "STATUS=not_ready; session: none", "WATCHDOG=1",
            ]
        )
        let other = HealthReport(findings: [Finding("session", isReady: false, "no node")], isDraining: false)
        #expect(state.assignments(other, at: start + .seconds(1)).isEmpty)
        #expect(state.reloading(monotonic: 7).isEmpty && state.reloaded().isEmpty)
        #expect(state.assignments(starting, at: start + .seconds(4)).isEmpty)
        #expect(
            state.assignments(other, at: start + .seconds(5)) == ["STATUS=not_ready; session: no node", "WATCHDOG=1"]
        )
        #expect(state.assignments(ready, at: start + .seconds(6)) == ["READY=1", "STATUS=ready"])
        #expect(state.reloading(monotonic: 7) == ["RELOADING=1", "MONOTONIC_USEC=7"])
        #expect(state.reloaded() == ["READY=1"])
        #expect(state.assignments(ready, at: start + .seconds(11)) == ["WATCHDOG=1"])
        #expect(state.assignments(stuck, at: start + .seconds(20)) == ["STATUS=stuck; claims: x"])
        #expect(
            state.assignments(draining, at: start + .seconds(21)) == ["STOPPING=1", "STATUS=draining", "WATCHDOG=1"]
        )
        #expect(state.assignments(draining, at: start + .seconds(22)).isEmpty)
    }
}

import Testing

@testable import ClusterModel

@Suite struct ProcessSamplerTests {
    private let start = SuspendingClock.now

    private func reading(_ service: String = "a", pid: Int = 1, cpu: Duration = .zero) -> ProcessReading {
        ProcessReading(service: service, state: .running, pid: pid, processorTime: cpu, health: .healthy)
    }

    @Test func `processor time becomes a share of the time between two samples of one process`() {
        var sampler = ProcessSampler()
        #expect(sampler.take([reading(cpu: .seconds(5))], at: start).samples[0].cpuPercent == nil)
        let later = start + .seconds(10)
        #expect(sampler.take([reading(cpu: .seconds(10))], at: later).samples[0].cpuPercent == 50)
        // Another process of the same name, and one whose children took their time with them, begin anew.
        #expect(
            sampler.take([reading(pid: 2, cpu: .seconds(11))], at: later + .seconds(10)).samples[0].cpuPercent == nil
        )
        #expect(
            sampler.take([reading(pid: 2, cpu: .seconds(1))], at: later + .seconds(20)).samples[0].cpuPercent == nil
        )
    }

    @Test func `what is no longer there is to go, until it is known to be gone`() {
        var sampler = ProcessSampler()
        #expect(sampler.take([reading("a"), reading("b")], at: start).gone == [])
        #expect(sampler.take([reading("b")], at: start).gone == ["a"])
        #expect(sampler.take([reading("b")], at: start).gone == ["a"])
        sampler.forgot(["a"])
        #expect(sampler.take([reading("b")], at: start).gone == [])
        #expect(sampler.take([], at: start).gone == ["b"])
    }
}

import ClusterModel
import ClusterStore
import MariaDB

/// The part of an epoch that writes down what its process supervises.
extension WorkEpoch {
    /// Short enough to see a process that grows, long enough to be no load: a statement for all of a node.
    private static let samplingInterval: Duration = .seconds(10)

    func sampleProcesses() async {
        var sampler = ProcessSampler()
        var errors = ErrorReporter("sampling", logger: parts.logger)
        repeat {
            let readings = await parts.supervised()
            let (samples, gone) = sampler.take(readings, at: .now)
            if samples.isEmpty, gone.isEmpty { continue }
            do {
                let session = session
                try await parts.database.withSession { connection in
                    try SupervisionStatements.write(samples, of: session, on: connection)
                    try SupervisionStatements.forget(gone, of: session, on: connection)
                }
                sampler.forgot(gone)
                errors.resolved()
            } catch {
                // The next sample says it all again.
                errors.report("what is supervised was not written down: \(error)")
            }
        } while (try? await Task.sleep(for: Self.samplingInterval)) != nil
    }
}

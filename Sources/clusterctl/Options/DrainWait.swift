import ClusterEngine
import ClusterModel
import ClusterReports
import Glibc

/// Waits until a node that is being drained does nothing more, and tells how far it is.
enum DrainWait {
    /// Looks until the node does nothing more, takes new work again, or the time is over.
    ///
    /// Each step is told: in place on a terminal, else a line each.
    static func end(
        of name: NodeName,
        until deadline: ContinuousClock.Instant?,
        on cluster: ClusterConnection
    ) async throws -> (left: DrainProgress, inTime: Bool) {
        let progress = BulkProgress()
        defer { progress.clear() }
        var pace = PollPace()
        var told: Int?
        while true {
            let left = try await DrainProgress.read(name, on: cluster)
            if left.isIdle || left.node.state == .active { return (left, true) }
            let rest = deadline.map { ContinuousClock.now.duration(to: $0) }
            if let rest, rest <= .zero { return (left, false) }
            if Terminal.showsProgress {
                progress.show(left.text)
            } else if told != left.count {
                Talk.say("waiting for node '\(name)': \(left.text)")
            }
            told = left.count
            // The ends of a node's operations ring those who wait for these operations, and not us.
            try await Task.sleep(for: pace.pause(left: rest))
        }
    }

    /// Has an interrupt say that the node stays as it is.
    static func tellOfInterrupt() {
        signal(SIGINT) { _ in
            let text: StaticString = """

                clusterctl: interrupted: the node stays draining; 'clusterctl node undrain' lets it take new work again

                """
            _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
            _exit(ExitStatus.interrupted.rawValue)
        }
    }
}

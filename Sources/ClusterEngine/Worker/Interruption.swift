/// Asks one run of an operation to end before its time.
final class Interruption: Sendable {
    private let asked = Wakeup()
    private let end = Wakeup()
    /// The run of the same operation that has to be over first.
    private let predecessor: Interruption?

    init(after predecessor: Interruption? = nil) {
        self.predecessor = predecessor
    }

    /// Asks; once is enough, and before anybody waits is early enough.
    func request() { asked.call() }

    /// Lets who waits look at the run's time limit again.
    func reconsider() { asked.nudge() }

    /// Waits until it is asked for, or a moment has come, or the caller's task is cancelled.
    ///
    /// - Returns: Whether it may be that the moment has come.
    func wait(until moment: ContinuousClock.Instant?) async -> Bool { await asked.wait(until: moment) == .due }

    /// Takes note that the run is over.
    func finish() { end.call() }

    /// Waits until the run before this one is over, or the caller's task is cancelled.
    func waitForPredecessor() async { _ = await predecessor?.end.wait() }
}

/// The counts, the pause and the attempts with which an operation is requeued.
package struct Requeue: Sendable {
    package var failures = 0
    package var deferrals = 0
    package var pause: Duration = .zero
    package var history: [AttemptRecord]
}

/// How an operation comes back to its queue.
package struct Requeue: Sendable {
    package var failures = 0
    package var deferrals = 0
    package var pause: Duration = .zero
    package var history: [AttemptRecord]
}

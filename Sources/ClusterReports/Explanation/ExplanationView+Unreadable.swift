import ClusterModel
import ClusterStore
import DatabaseTime
import MariaDB

extension ExplanationView {
    /// Explains an operation that cannot be decoded; pure.
    init(_ outline: UnreadableOutline, because reason: String, now: Timestamp) {
        uuid = outline.id
        state = outline.state
        queueName = outline.queueName
        seenAt = now
        attemptHistory = []
        let cure =
            outline.state.isTerminal
            ? ""
            : ": workers of the version that wrote it can run it, or end it by 'clusterctl op cancel \(outline.id)'"
        var reasons = [ReasonView(.unreadable, "this version cannot decode it (\(reason))\(cure)")]
        if outline.isWorkerGone {
            reasons.append(ReasonView(.workerGone, "its worker is gone: a reaper gives it back to its queue soon"))
        }
        if outline.isCancelRequested, outline.state == .executing {
            reasons.append(ReasonView(.cancelRequested, "its end was asked for: its worker, or a reaper, is ending it"))
        }
        self.reasons = reasons
    }
}

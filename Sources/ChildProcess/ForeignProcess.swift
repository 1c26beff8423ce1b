import CSpawn
import Glibc

/// A process that need not be a child of this one, by a handle that never names another process.
///
/// What was read in `/proc` by ``pid`` after the handle was made is about this very process if it has not ended yet
/// when the reading is over: until then the number is its own.
public final class ForeignProcess: Sendable {
    /// The process id.
    public let pid: pid_t
    private let pidfd: Descriptor

    /// Takes hold of a process; nil when there is none of that number.
    public init?(pid: pid_t) {
        let pidfd = cspawn_foreign(pid)
        guard pidfd >= 0 else { return nil }
        self.pid = pid
        self.pidfd = Descriptor(owning: pidfd)
    }

    /// A Boolean value that indicates whether it has ended; one that its parent has not reaped yet has.
    public var hasEnded: Bool { pidfd.use { cspawn_foreign_ended($0) } }

    /// Kills it, and does nothing when it has ended.
    ///
    /// - Returns: 0, or the kernel's error number.
    @discardableResult
    public func kill() -> Int32 {
        pidfd.use { cspawn_foreign_signal($0, SIGKILL) }
    }
}

import CSpawn
import Glibc
import Synchronization

/// A file descriptor with one owner, closed once: by `close()` or with its last reference.
///
/// Every use goes through a lock, so that no call can hit a number that another thread has closed and the kernel has
/// given to somebody else. What is done under the lock must not block.
final class Descriptor: Sendable {
    private let number: Mutex<Int32>
    private static let closed: Int32 = -1

    /// Takes over an open descriptor, which must be close-on-exec.
    init(owning number: Int32) {
        precondition(number >= 0, "a descriptor is not negative")
        self.number = Mutex(number)
    }

    deinit {
        close()
    }

    /// Lends the number, or -1 (for which every system call answers EBADF) when closed.
    func use<Result>(_ body: (Int32) throws -> Result) rethrows -> Result {
        try number.withLock { try body($0) }
    }

    func close() {
        number.withLock { number in
            guard number != Self.closed else { return }
            // Not repeated on EINTR: Linux has released the number by then.
            _ = Glibc.close(number)
            number = Self.closed
        }
    }

    enum Reading {
        case bytes([UInt8])
        case wouldBlock
        /// End of file, closed, or an error that no later read would cure.
        case ended
    }

    /// Reads at most `limit` bytes from a non-blocking descriptor.
    func read(atMost limit: Int) -> Reading {
        use { number in
            var (outcome, error) = (0, Int32(0))
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
                repeat {
                    outcome = unsafe Glibc.read(number, buffer.baseAddress, limit)
                    error = errno
                } while outcome < 0 && error == EINTR
                count = max(0, outcome)
            }
            if outcome > 0 { return .bytes(bytes) }
            return outcome < 0 && error == EAGAIN ? .wouldBlock : .ended
        }
    }
}

extension Descriptor {
    /// Opens a file, close-on-exec.
    static func open(_ path: String, _ flags: Int32) throws(Errno) -> Descriptor {
        Descriptor(owning: try unsafe Errno.check(Glibc.open(path, flags | O_CLOEXEC)))
    }

    /// A pipe whose reading end, the parent's, does not block; the child's end is an ordinary blocking one, as programs
    /// expect. (O_NONBLOCK belongs to each end by itself.)
    static func pipe() throws(Errno) -> (parent: Descriptor, child: Descriptor) {
        var ends: [Int32] = [-1, -1]
        try Errno.check(unsafe cspawn_pipe(&ends))
        let (parent, child) = (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
        try Errno.check(parent.use { fcntl($0, F_SETFL, O_NONBLOCK) })
        return (parent, child)
    }

    /// A file without a name that has these bytes, and that nobody can change any more.
    static func memory(_ bytes: [UInt8]) throws(Errno) -> Descriptor {
        let number = unsafe bytes.withUnsafeBytes { unsafe cspawn_memory($0.baseAddress, $0.count) }
        return Descriptor(owning: try Errno.check(number))
    }

    /// A timer that becomes readable once, after `interval`.
    static func timer(after interval: Duration) throws(Errno) -> Descriptor {
        Descriptor(owning: try Errno.check(cspawn_timer(interval.clampedNanoseconds)))
    }
}

/// The error number of a system call that failed.
struct Errno: Error {
    let number: Int32

    /// Turns the C convention "negative means errno" into a thrown error.
    @discardableResult
    static func check(_ result: Int32) throws(Errno) -> Int32 {
        guard result >= 0 else { throw Errno(number: errno) }
        return result
    }
}

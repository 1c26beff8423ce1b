import Glibc
import Synchronization

/// Signals that become bytes in a pipe, so that one thread takes them beside everything else it waits for.
enum CaughtSignals {
    private static let numbers = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH]
    private static let writingEnd = Atomic<Int32>(-1)

    /// Catches them from now on, for the rest of the process.
    ///
    /// - Returns: A pipe in which each is a byte, its number.
    static func caught() throws(Failure) -> WakePipe {
        let pipe = try WakePipe()
        writingEnd.store(pipe.writingEnd, ordering: .sequentiallyConsistent)
        for number in numbers {
            signal(number) { number in
                // Nothing else may be done here.
                let before = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(CaughtSignals.writingEnd.load(ordering: .sequentiallyConsistent), &byte, 1)
                errno = before
            }
        }
        return pipe
    }

    /// Ends the process as the signal would have done it.
    static func die(of number: Int32) -> Never {
        signal(number, SIG_DFL)
        // The threads that run tasks have all signals blocked.
        var one = sigset_t()
        sigemptyset(&one)
        sigaddset(&one, number)
        pthread_sigmask(SIG_UNBLOCK, &one, nil)
        raise(number)
        _exit(128 + number)
    }
}

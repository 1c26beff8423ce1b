import CSpawn
import Glibc

/// A thread of ours that lives as long as the process, for what may not run on the cooperative pool.
enum DedicatedThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Never
        init(_ run: @escaping @Sendable () -> Never) { self.run = run }
    }

    /// Starts the thread, with every signal blocked from its first instruction.
    ///
    /// So the process's signals are delivered to its other threads.
    ///
    /// - Parameters:
    ///   - name: Shown by `ps -L` and debuggers; at most 15 bytes.
    ///   - body: What the thread does for ever.
    /// - Throws: The error number of pthread_create, such as EAGAIN at the limit of threads.
    static func start(_ name: StaticString, _ body: @escaping @Sendable () -> Never) throws(Errno) {
        var all = sigset_t()
        var previous = sigset_t()
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &previous)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &previous, nil) }

        var thread = pthread_t()
        // Handed over with one reference, which the new thread takes.
        let argument = unsafe Unmanaged.passRetained(
            Body {
                unsafe cspawn_name_thread(name.utf8Start)
                body()
            }
        )
        let error = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument = unsafe argument else {
                    preconditionFailure("pthread_create passes what it was given")
                }
                unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
            },
            argument.toOpaque()
        )
        guard error == 0 else {
            unsafe argument.release()
            throw Errno(number: error)
        }
        pthread_detach(thread)
    }
}

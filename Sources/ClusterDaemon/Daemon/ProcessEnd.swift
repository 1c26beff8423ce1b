import Glibc

/// The end of a process that has, or has had, connections to the database.
package enum ProcessEnd {
    /// Ends the process with an exit code: flushes what was printed, and runs no exit handler.
    ///
    /// A connection's thread ends a moment after its connection is closed, and may be inside libmariadb when it is
    /// not. The exit handlers of OpenSSL free what that thread still reads, also on its own way out, and the process
    /// dies of SIGSEGV after it has done its work. No exit handler of ours exists, and the kernel takes back
    /// everything else.
    package static func end(_ status: Int32) -> Never {
        fflush(nil)
        _exit(status)
    }

    /// Ends the process as the kernel ends one whose reader has gone, such as `head`: by SIGPIPE, without a word.
    ///
    /// The signal is ignored while there are connections, whose servers may go away too.
    package static func byBrokenPipe() -> Never {
        signal(SIGPIPE, SIG_DFL)
        raise(SIGPIPE)
        // Where the thread blocks the signal: as a shell shows that end.
        _exit(128 + SIGPIPE)
    }
}

import Glibc
import Synchronization

/// A file that a supervisor has opened as standard input, to be read once.
///
/// A secret that comes this way is out of reach for what this process starts, although that is of the same user:
/// there is no file that the user may open, and the descriptor leads nowhere once it was read.
enum StandardInputFile {
    /// The path by which a configuration names it.
    static let path = "/dev/stdin"

    private static let content = Mutex<RegularFile?>(nil)

    /// Reads it, or returns what was read before.
    static func read(limit: Int) throws(RegularFile.Failure) -> RegularFile {
        try content.withLock { content throws(RegularFile.Failure) in
            if let content { return content }
            let file = try RegularFile.read(descriptor: STDIN_FILENO, limit: limit, mayBePipe: true)
            let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard nothing >= 0, dup2(nothing, STDIN_FILENO) >= 0 else {
                throw .other("cannot be closed: \(String(cString: strerror(errno)))")
            }
            close(nothing)
            content = file
            return file
        }
    }
}

import Glibc

/// The content of a small regular file, and who owns it and may open it.
struct RegularFile {
    let bytes: [UInt8]
    /// The permission bits, without the kind of file.
    let mode: mode_t
    let owner: uid_t

    /// Why a file was not read.
    enum Failure: Error {
        case missing
        case other(String)

        /// What to say about it.
        var message: String {
            switch self {
            case .missing: "expected a file, found none"
            case .other(let message): message
            }
        }
    }

    /// Reads a file whole.
    ///
    /// What is asked about the file is asked about the very one that is read; nothing can be put in its place between.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - limit: the greatest size in bytes.
    ///   - followsLinks: whether the path may end in a symbolic link.
    /// - Returns: The content and the permissions.
    /// - Throws: `Failure` with a message that does not name the path.
    static func read(_ path: String, limit: Int, followsLinks: Bool) throws(Failure) -> RegularFile {
        guard !path.utf8.contains(0) else { throw .other("expected a path without NUL characters") }
        // Without O_NONBLOCK, opening a FIFO would wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (followsLinks ? 0 : O_NOFOLLOW))
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT: throw .missing
            case ELOOP: throw .other("expected a regular file, found a symbolic link")
            default: throw .other("cannot be opened: \(String(cString: strerror(errno)))")
            }
        }
        defer { close(descriptor) }

        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .other("cannot be examined: \(String(cString: strerror(errno)))")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .other("expected a regular file, found \(kind(status.st_mode))")
        }
        let bytes = try readAll(descriptor, limit: limit)
        return RegularFile(bytes: bytes, mode: status.st_mode & 0o7777, owner: status.st_uid)
    }

    private static func readAll(_ descriptor: Int32, limit: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { return bytes }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw .other("cannot be read: \(String(cString: strerror(errno)))")
            }
            bytes += buffer.prefix(count)
            guard bytes.count <= limit else { throw .other("expected at most \(limit) bytes, found more") }
        }
    }

    private static func kind(_ mode: mode_t) -> String {
        switch mode & S_IFMT {
        case S_IFDIR: "a directory"
        case S_IFIFO: "a pipe"
        case S_IFSOCK: "a socket"
        default: "a device"
        }
    }
}

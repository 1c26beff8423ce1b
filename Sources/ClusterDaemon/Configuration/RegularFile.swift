import Glibc

/// The content of a small regular file, and who owns it and may open it.
struct RegularFile {
    let bytes: [UInt8]
    /// The permission bits, without the kind of file.
    let mode: mode_t
    let owner: uid_t

    /// The reason why a file was not read.
    enum Failure: Error {
        case missing
        case other(String)

        /// The failure as a message.
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
        return try read(descriptor: descriptor, limit: limit)
    }

    /// Reads an open file whole; a pipe, if that may be one, counts as a file of this user's that nobody else can open.
    static func read(
        descriptor: Int32,
        limit: Int,
        mayBePipe: Bool = false
    ) throws(Failure) -> RegularFile {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .other("cannot be examined: \(String(cString: strerror(errno)))")
        }
        if mayBePipe, status.st_mode & S_IFMT == S_IFIFO {
            return RegularFile(bytes: try readAll(descriptor, limit: limit), mode: 0o600, owner: geteuid())
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .other("expected a regular file, found \(kind(status.st_mode))")
        }
        let bytes = try readAll(descriptor, limit: limit)
        return RegularFile(bytes: bytes, mode: status.st_mode & 0o7777, owner: status.st_uid)
    }

    /// Says how others than root and this user could have written the file, or put another in its place.
    ///
    /// - Parameter path: The file, by which its directory is looked at too.
    /// - Returns: What to say about it; nil when they could not.
    func objection(at path: String) -> String? {
        guard owner == 0 || owner == geteuid() else {
            return "expected a file of root or of user \(geteuid()), found one of user \(owner)"
        }
        guard mode & 0o022 == 0 else {
            return "expected a file that only its owner can write (chmod go-w), found mode \(Self.octal(mode))"
        }
        // Where a link stands, and where what it leads to stands.
        var directories = [Self.directory(of: path)]
        if let resolved = realpath(path, nil) {
            directories.append(Self.directory(of: String(cString: resolved)))
            free(resolved)
        }
        return directories.lazy.compactMap(Self.objection(toDirectory:)).first
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func objection(toDirectory directory: String) -> String? {
        var status = stat()
        guard stat(directory, &status) == 0 else {
            return "its directory cannot be examined: \(String(cString: strerror(errno)))"
        }
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            return "expected a file in a directory of root or of user \(geteuid()), found one of user \(status.st_uid)"
        }
        // In a sticky one, such as /tmp, nobody replaces what is another's.
        guard status.st_mode & 0o022 == 0 || status.st_mode & S_ISVTX != 0 else {
            let found = Self.octal(status.st_mode & 0o7777)
            return "expected a file in a directory that only its owner can write (chmod go-w), found mode \(found)"
        }
        return nil
    }

    /// A mode as chmod takes it.
    static func octal(_ mode: mode_t) -> String {
        let octal = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - octal.count)) + octal
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

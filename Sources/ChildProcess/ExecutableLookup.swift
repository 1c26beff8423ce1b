import Glibc

/// Finds a program's file as execvp would, but before the fork: the search allocates, and its failure is an error of
/// this process that can name what was looked for.
public enum ExecutableLookup {
    static func path(of specification: ChildSpecification) throws(ChildProcessError) -> String {
        let name = specification.executable
        guard !name.contains("/") else { return name }
        let path = specification.environment["PATH"] ?? ChildSpecification.standardPath
        guard let found = find(name, in: path) else {
            throw ChildProcessError(.executableNotFound, executable: name, attempt: missing(in: path))
        }
        return found
    }

    /// Says why a program could not be executed now, as far as its file shows; nil when nothing speaks against it.
    ///
    /// - Parameters:
    ///   - name: A path, or a name that is looked for.
    ///   - path: Where it is looked for.
    /// - Returns: The reason, which names the program.
    public static func obstacle(to name: String, in path: String = ChildSpecification.standardPath) -> String? {
        guard name.contains("/") else {
            return find(name, in: path) == nil ? "\(name): \(missing(in: path))" : nil
        }
        var status = stat()
        guard unsafe stat(name, &status) == 0 else { return "\(name): \(ChildProcessError.text(of: errno))" }
        guard status.st_mode & S_IFMT == S_IFREG else { return "\(name): it is no regular file" }
        guard unsafe access(name, X_OK) == 0 else { return "\(name): it is not executable" }
        return nil
    }

    /// Says the same while other work goes on: a file system that hangs, such as one over the network, holds up
    /// starts and nothing else.
    ///
    /// - Parameter name: A path, or a name that is looked for in the standard path.
    /// - Returns: The reason, which names the program; nil when nothing speaks against it.
    public static func currentObstacle(to name: String) async -> String? {
        // Without a thread nothing could be started either; a start says so.
        guard let thread = try? SpawnThread.shared.get() else { return nil }
        return try? await thread.perform { () throws(ChildProcessError) in obstacle(to: name) }
    }

    private static func find(_ name: String, in path: String) -> String? {
        path.split(separator: ":").lazy.map { "\($0)/\(name)" }.first { !name.isEmpty && isExecutableFile($0) }
    }

    private static func missing(in path: String) -> String { "no executable file of that name in PATH \(path)" }

    private static func isExecutableFile(_ path: String) -> Bool {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
        return unsafe access(path, X_OK) == 0
    }
}

import Glibc

/// Finds a program's file as execvp would, but before the fork: the search allocates, and its failure is an error of
/// this process that can name what was looked for.
enum ExecutableLookup {
    static func path(of specification: ChildSpecification) throws(ChildProcessError) -> String {
        let name = specification.executable
        guard !name.contains("/") else { return name }
        let path = specification.environment["PATH"] ?? ChildSpecification.standardPath
        for directory in path.split(separator: ":") where !name.isEmpty {
            let candidate = "\(directory)/\(name)"
            if isExecutableFile(candidate) { return candidate }
        }
        throw ChildProcessError(
            .executableNotFound,
            executable: name,
            attempt: "no executable file of that name in PATH \(path)"
        )
    }

    private static func isExecutableFile(_ path: String) -> Bool {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
        return unsafe access(path, X_OK) == 0
    }
}

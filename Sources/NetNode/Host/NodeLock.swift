import Glibc

/// The locks that keep a second netnode from using the same names: of the directory of files, and of the prefix of
/// namespaces.
///
/// They are held until the process ends, in whatever way.
struct NodeLock: ~Copyable {
    /// The directory in which prefixes are locked, for all nodes of a machine.
    private static let runtimeDirectory = "/run/clusterops"

    private let descriptors: [Int32]

    /// The reason why this netnode must not run.
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    /// The longest time that a lock is tried for: a process that was killed while it started another one keeps its
    /// locks until that one has begun its program.
    private static let patience: Duration = .seconds(3)
    private static let pace: Duration = .milliseconds(20)

    /// Makes the directory if it is not there, and takes both locks.
    ///
    /// - Throws: A refusal that names the configuration's key; `CancellationError`.
    static func take(stateDirectory: String, prefix: String) async throws -> NodeLock {
        try makeDirectory(stateDirectory, key: "network.state_directory")
        try makeDirectory(runtimeDirectory, key: "network.namespace_prefix")
        let directory = try await lock(
            "\(stateDirectory)/lock",
            "network.state_directory '\(stateDirectory)' is another netnode's on this machine"
        )
        do {
            let names = try await lock(
                "\(runtimeDirectory)/namespaces-\(prefix).lock",
                "network.namespace_prefix '\(prefix)' is another netnode's on this machine"
            )
            return NodeLock(descriptors: [directory, names])
        } catch {
            close(directory)
            throw error
        }
    }

    private init(descriptors: [Int32]) {
        self.descriptors = descriptors
    }

    deinit {
        for descriptor in descriptors { close(descriptor) }
    }

    private static func makeDirectory(_ path: String, key: String) throws(Refusal) {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/\(part)"
            // dnsmasq reads files in it, as another user.
            guard mkdir(made, 0o755) == 0 || errno == EEXIST else {
                throw Refusal(description: "\(key): cannot make directory \(made): \(text(errno))")
            }
        }
    }

    private static func lock(_ path: String, _ refusal: String) async throws -> Int32 {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Refusal(description: "cannot open \(path): \(text(errno))") }
        let deadline = ContinuousClock.now + patience
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let error = errno
            guard error == EWOULDBLOCK, ContinuousClock.now < deadline, !Task.isCancelled else {
                close(descriptor)
                throw Refusal(description: error == EWOULDBLOCK ? refusal : "cannot lock \(path): \(text(error))")
            }
            try? await Task.sleep(for: pace)
        }
        return descriptor
    }

    private static func text(_ error: Int32) -> String { String(cString: strerror(error)) }
}

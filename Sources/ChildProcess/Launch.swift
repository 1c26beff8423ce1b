import CSpawn
import Glibc

/// A specification with everything opened that its start needs.
///
/// Lives on the spawn thread, for the time of one fork; when it goes, so do the child's ends of the pipes.
struct Launch {
    let streams: ChildStreams
    private let specification: ChildSpecification
    private let path: String
    private let childEnds: [ChildEnd]
    private let networkNamespace: Descriptor?

    /// A descriptor that becomes one of the child's descriptors 0, 1 and 2.
    private enum ChildEnd {
        case opened(Descriptor)
        case inherited(Int32)

        var number: Int32 {
            switch self {
            case .opened(let descriptor): descriptor.use { $0 }
            case .inherited(let number): number
            }
        }
    }

    init(_ specification: ChildSpecification) throws(ChildProcessError) {
        try Self.check(specification)
        self.specification = specification
        self.path = try ExecutableLookup.path(of: specification)
        do {
            let input = try Self.input(specification.standardInput)
            let (output, outputEnd) = try Self.output(specification.standardOutput, STDOUT_FILENO)
            let (error, errorEnd) = try Self.output(specification.standardError, STDERR_FILENO)
            self.streams = ChildStreams(output: output, error: error)
            self.childEnds = [input, outputEnd, errorEnd]
        } catch {
            throw ChildProcessError(
                .resource,
                executable: specification.executable,
                attempt: "cannot create its standard streams",
                errorNumber: error.number
            )
        }
        guard let namespace = specification.networkNamespace else {
            self.networkNamespace = nil
            return
        }
        do {
            self.networkNamespace = try Descriptor.open(namespace, O_RDONLY)
        } catch {
            throw ChildProcessError(
                .startFailed,
                executable: specification.executable,
                attempt: "cannot open network namespace \(namespace)",
                errorNumber: error.number
            )
        }
    }

    /// Refuses what C strings cannot carry, instead of cutting it off.
    private static func check(_ specification: ChildSpecification) throws(ChildProcessError) {
        var strings = [specification.executable] + specification.arguments
        strings += specification.environment.flatMap { [$0.key, $0.value] }
        strings += [specification.workingDirectory, specification.networkNamespace].compactMap(\.self)
        guard !strings.contains(where: { $0.utf8.contains(0) }) else {
            throw ChildProcessError(
                .invalidSpecification,
                executable: specification.executable,
                attempt: "a NUL byte stands in its arguments, environment or paths"
            )
        }
        for name in specification.environment.keys where name.isEmpty || name.contains("=") {
            throw ChildProcessError(
                .invalidSpecification,
                executable: specification.executable,
                attempt: "'\(name)' cannot be the name of an environment variable"
            )
        }
    }

    private static func input(_ input: StandardInput) throws(Errno) -> ChildEnd {
        switch input {
        case .null: .opened(try Descriptor.open("/dev/null", O_RDONLY))
        case .data(let data): .opened(try Descriptor.memory(data))
        }
    }

    private static func output(_ output: StandardOutput, _ number: Int32) throws(Errno) -> (OutputReader?, ChildEnd) {
        switch output {
        case .null: return (nil, .opened(try Descriptor.open("/dev/null", O_WRONLY)))
        case .inherit: return (nil, .inherited(number))
        case .collect(let limit, let kept):
            let (parent, child) = try Descriptor.pipe()
            return (OutputReader(source: parent, limit: limit, keeping: kept), .opened(child))
        }
    }

    /// Forks by `fork`, which gets the C form of the specification and answers 0 or an error number.
    ///
    /// This is the one place that builds C arrays. They need to live only until `fork` returns, because the child has
    /// a copy of the memory.
    func start(
        _ fork: (_ request: UnsafePointer<cspawn_request>, _ child: UnsafeMutablePointer<cspawn_child>) -> Int32
    ) throws(ChildProcessError) -> cspawn_child {
        let credentials = specification.credentials
        let groups = credentials?.supplementaryGroups ?? []
        // A missing directory is the NULL that ends the array.
        let paths = [path] + [specification.workingDirectory].compactMap(\.self)
        let variables = specification.environment.map { "\($0.key)=\($0.value)" }

        var child = cspawn_child()
        let error = unsafe withCStrings(paths) { paths in
            unsafe withCStrings([specification.executable] + specification.arguments) { arguments in
                unsafe withCStrings(variables) { environment in
                    unsafe groups.withUnsafeBufferPointer { groups in
                        var request = unsafe cspawn_request(
                            path: paths[0],
                            arguments: arguments,
                            environment: environment,
                            working_directory: paths[1],
                            network_namespace: networkNamespace?.use { $0 } ?? -1,
                            process_namespace: specification.hasProcessNamespace,
                            standard_streams: (childEnds[0].number, childEnds[1].number, childEnds[2].number),
                            changes_credentials: credentials != nil,
                            user: credentials?.user ?? 0,
                            group: credentials?.group ?? 0,
                            supplementary_groups: groups.baseAddress,
                            supplementary_group_count: groups.count,
                            capabilities: credentials?.capabilityMask ?? 0,
                            not_after: specification.notAfter?.nanosecondsSinceBoot ?? 0
                        )
                        return unsafe fork(&request, &child)
                    }
                }
            }
        }
        guard error == 0 else {
            throw ChildProcessError(
                .resource,
                executable: specification.executable,
                attempt: specification.hasProcessNamespace
                    ? "cannot fork into a process namespace of its own (it takes CAP_SYS_ADMIN, a RestrictNamespaces= with "
                        + "pid, and room in user.max_pid_namespaces)" : "cannot fork",
                errorNumber: error
            )
        }
        return child
    }
}

/// Lends a NULL-terminated array of C strings, as execve takes it, for the time of `body`.
private func withCStrings<Result>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers = unsafe strings.map { unsafe strdup($0) }
    unsafe pointers.append(nil)
    defer { unsafe pointers.forEach { unsafe free($0) } }
    // One element at least, the NULL, so that there is a base address.
    return unsafe pointers.withUnsafeBufferPointer { unsafe body($0.baseAddress.unsafelyUnwrapped) }
}

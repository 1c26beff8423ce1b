/// A description of what to start: the program, the conditions under which it runs, and what becomes of its standard
/// streams.
///
/// Nothing is inherited that is not named here: the environment is exactly `environment`, every descriptor above 2 is
/// closed, signals have their default dispositions and none is blocked. The child leads a process group of its own.
public struct ChildSpecification: Sendable {
    /// The program's file: a path, or a bare name that is looked up in the `PATH` of `environment` (or in
    /// ``ChildSpecification/standardPath`` if that has none).
    public var executable: String
    /// The arguments that the program sees after its own name; passed as they are, never through a shell.
    public var arguments: [String]
    /// The whole environment of the child.
    public var environment: [String: String]
    /// The directory the child starts in; nil keeps the parent's.
    ///
    /// Entered with the child's credentials.
    public var workingDirectory: String?
    /// The path of a network namespace to enter, such as `/run/netns/co-7` (needs CAP_SYS_ADMIN); nil stays.
    public var networkNamespace: String?
    /// A Boolean value that indicates whether the child is the first process of a process namespace of its own (needs
    /// CAP_SYS_ADMIN): the kernel then kills all that it has forked when it ends, however it does and whatever session
    /// or group they have made.
    ///
    /// The first process of a namespace gets only those signals that it handles, and SIGKILL and SIGSTOP.
    public var hasProcessNamespace: Bool
    /// The user to become before the program starts; nil stays who the parent is.
    public var credentials: Credentials?
    /// The moment after which the program is not started any more; nil starts it whenever.
    ///
    /// Looked at by the child itself, last before exec: a parent that was stopped in between starts nothing late.
    public var notAfter: ContinuousClock.Instant?
    /// The source of the child's standard input.
    public var standardInput: StandardInput
    /// The destination of the child's standard output.
    public var standardOutput: StandardOutput
    /// The destination of the child's standard error.
    public var standardError: StandardOutput

    /// The path in which bare names are looked up when `environment` has no `PATH`: the one that Debian gives to root.
    public static let standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// Creates a specification; by default with an empty environment and all streams on /dev/null.
    public init(
        executable: String,
        arguments: [String] = [],
        environment: [String: String] = [:],
        workingDirectory: String? = nil,
        networkNamespace: String? = nil,
        hasProcessNamespace: Bool = false,
        credentials: Credentials? = nil,
        notAfter: ContinuousClock.Instant? = nil,
        standardInput: StandardInput = .null,
        standardOutput: StandardOutput = .null,
        standardError: StandardOutput = .null
    ) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.networkNamespace = networkNamespace
        self.hasProcessNamespace = hasProcessNamespace
        self.credentials = credentials
        self.notAfter = notAfter
        self.standardInput = standardInput
        self.standardOutput = standardOutput
        self.standardError = standardError
    }
}

/// The source of a child's standard input.
public enum StandardInput: Sendable {
    /// End of file at once.
    case null
    /// These bytes, then end of file: all of them are there before the child is, so it never reads a part of them, also
    /// when the parent is killed meanwhile. A child that does not read them all, or none, is no error.
    case data([UInt8])
}

/// The destination of a child's output stream.
public enum StandardOutput: Sendable {
    /// Nowhere.
    case null
    /// To the parent's own stream of the same number.
    case inherit
    /// Into memory: at most `limit` bytes, the first or the last ones. The rest is read and dropped, so that a
    /// talkative child is never blocked.
    case collect(limit: Int, keeping: Kept)

    /// The part that is kept of an output that is longer than its limit.
    public enum Kept: Sendable, Hashable {
        /// The first bytes: for results.
        case head
        /// The last bytes: for complaints, whose last line tells why.
        case tail
        /// The last bytes, and so many of the first: they tell of what kind the whole was.
        case tailAndHead(Int)
    }
}

import CSpawn
import Glibc

/// An error that says why a child could not be started, or could not be followed to its end.
public struct ChildProcessError: Error, Hashable, CustomStringConvertible {
    /// The kinds of failure, open for more.
    public struct Code: Hashable, Sendable {
        let name: String

        /// The specification cannot be given to the kernel: a NUL byte, or an `=` in a variable's name.
        public static let invalidSpecification = Code(name: "invalidSpecification")
        /// No executable file of that name; nothing was started.
        public static let executableNotFound = Code(name: "executableNotFound")
        /// A step between fork and exec failed, exec included; the program never ran.
        public static let startFailed = Code(name: "startFailed")
        /// The moment after which it was not to be started had passed; the program never ran.
        public static let tooLate = Code(name: "tooLate")
        /// The kernel refused something in this process, such as a descriptor; the program never ran.
        public static let resource = Code(name: "resource")
        /// The lease had already ended when the command was to start; the program never ran.
        public static let leaseEnded = Code(name: "leaseEnded")
        /// The keeper was killed by someone.
        ///
        /// Its command died with it; its command's own children may live.
        public static let keeperLost = Code(name: "keeperLost")
        /// The command runs as another user (a setuid program), so that it could not be killed when it had to be.
        public static let cannotKill = Code(name: "cannotKill")
    }

    /// The kind of failure.
    public let code: Code
    /// The executable as the specification names it; empty if the failure concerns no single one.
    public let executable: String
    /// The kernel's error number, if it gave one.
    public let errorNumber: Int32?
    /// A text for people that says what was attempted and what came of it.
    ///
    /// Holds no argument and no variable's value.
    public let description: String

    /// A Boolean value that indicates whether the program never ran because of this machine: its file is missing or
    /// cannot be executed, or there was no room for one more process or descriptor.
    ///
    /// Arguments that are too long (E2BIG), or that the kernel cannot take, are the caller's.
    public var isFaultOfTheMachine: Bool {
        switch code {
        case .executableNotFound: true
        case .startFailed, .resource: errorNumber.map(Self.faultsOfTheMachine.contains) ?? false
        default: false
        }
    }

    private static let faultsOfTheMachine: Set<Int32> = [
        ENOENT, EACCES, EPERM, ENOEXEC, ENOTDIR, ELOOP, ETXTBSY, ELIBBAD, EIO, ENODEV, EMFILE, ENFILE, ENOMEM, EAGAIN,
        ENOSPC,
        ENOBUFS,
    ]

    init(_ code: Code, executable: String = "", attempt: String, errorNumber: Int32? = nil) {
        self.code = code
        self.executable = executable
        self.errorNumber = errorNumber
        let subject = executable.isEmpty ? "" : "\(executable): "
        let reason = errorNumber.map { ": \(Self.text(of: $0)) (errno \($0))" } ?? ""
        self.description = subject + attempt + reason
    }

    init(_ failure: cspawn_failure, specification: ChildSpecification) {
        let step = cspawn_step(UInt32(failure.step))
        self.init(
            step == CSPAWN_STEP_TOO_LATE ? .tooLate : .startFailed,
            executable: specification.executable,
            attempt: Self.attempt(at: step, specification),
            errorNumber: failure.error
        )
    }

    private static func attempt(at step: cspawn_step, _ specification: ChildSpecification) -> String {
        switch step {
        case CSPAWN_STEP_PROCESS_GROUP: "cannot create its process group"
        case CSPAWN_STEP_NETWORK_NAMESPACE:
            "cannot enter network namespace \(specification.networkNamespace ?? "") (needs CAP_SYS_ADMIN)"
        case CSPAWN_STEP_GROUPS: "cannot set its supplementary groups (needs CAP_SETGID)"
        case CSPAWN_STEP_GROUP: "cannot become group \(specification.credentials?.group ?? 0) (needs CAP_SETGID)"
        case CSPAWN_STEP_USER: "cannot become user \(specification.credentials?.user ?? 0) (needs CAP_SETUID)"
        case CSPAWN_STEP_CAPABILITIES: "cannot keep its capabilities (the parent must hold each of them)"
        case CSPAWN_STEP_RIGHT_TO_KILL: "has no CAP_KILL, so that a child of another user would outlive it"
        case CSPAWN_STEP_PARENT_DEATH: "cannot ask for a parent-death signal"
        case CSPAWN_STEP_PARENT_GONE: "its parent died before it started"
        case CSPAWN_STEP_WORKING_DIRECTORY:
            "cannot enter its working directory \(specification.workingDirectory ?? "")"
        case CSPAWN_STEP_STANDARD_STREAMS: "cannot connect its standard streams"
        case CSPAWN_STEP_CLOSE_DESCRIPTORS: "cannot close inherited descriptors"
        case CSPAWN_STEP_SIGNALS: "cannot reset its signals"
        case CSPAWN_STEP_EXECUTE: "cannot execute it"
        case CSPAWN_STEP_KEEPER: "cannot start its keeper"
        case CSPAWN_STEP_TOO_LATE: "the moment after which it must not be started had passed"
        default: "cannot start it (unknown step \(step.rawValue))"
        }
    }

    static func text(of errorNumber: Int32) -> String {
        // The pointer lives until this thread's next strerror; it is copied at once.
        unsafe strerror(errorNumber).map { unsafe String(cString: $0) } ?? "unknown error"
    }
}

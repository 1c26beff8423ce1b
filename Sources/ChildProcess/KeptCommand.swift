import CSpawn
import Glibc

/// One command behind its keeper, from the fork to the reaping of the keeper.
final class KeptCommand: Sendable {
    private let keeperPID: pid_t
    private let specification: ChildSpecification
    private let pidfd: Descriptor
    private let control: Descriptor
    private let streams: ChildStreams
    private let poller: Poller
    private let ended = Promise<Result<CommandResult, ChildProcessError>>()

    private init(
        _ specification: ChildSpecification,
        keeper: cspawn_child,
        control: Descriptor,
        streams: ChildStreams,
        poller: Poller
    ) {
        self.specification = specification
        keeperPID = keeper.pid
        self.pidfd = Descriptor(owning: keeper.pidfd)
        self.control = control
        self.streams = streams
        self.poller = poller
    }

    /// Runs on the spawn thread.
    static func start(
        _ specification: ChildSpecification,
        _ terms: cspawn_terms,
        _ daemonEnd: Descriptor,
        _ keeperEnd: Descriptor,
        _ poller: Poller
    ) throws(ChildProcessError) -> KeptCommand {
        let launch = try Launch(specification)
        let keeper = try unsafe launch.start { request, child in
            keeperEnd.use { unsafe cspawn_kept(request, terms, $0, child) }
        }
        let command = KeptCommand(
            specification,
            keeper: keeper,
            control: daemonEnd,
            streams: launch.streams,
            poller: poller
        )
        do {
            try command.streams.start(on: poller)
            // The last one: when it fires, everything above is in place.
            try poller.watch(command.pidfd) { command.finish() }
        } catch {
            // To the keeper this is our death: it kills the command and ends. That is quick, so it is waited for here.
            daemonEnd.close()
            var exit = cspawn_exit()
            _ = command.pidfd.use { unsafe cspawn_reap($0, true, &exit) }
            throw ChildProcessError(
                .resource,
                executable: specification.executable,
                attempt: "cannot watch its keeper, so it was killed",
                errorNumber: error.number
            )
        }
        return command
    }

    /// The command as its starter sees it.
    var started: StartedCommand { StartedCommand(keeperPID: keeperPID, streams: streams) }

    /// Waits for the end; a cancellation must be turned into an order by the caller.
    func result() async throws(ChildProcessError) -> CommandResult {
        try await ended.value().get()
    }

    /// Runs on the poller when the keeper has ended; all its reports lie in the socket.
    private func finish() -> Poller.AttemptDecision {
        var exit = cspawn_exit()
        let error = pidfd.use { unsafe cspawn_reap($0, false, &exit) }
        precondition(error == 0, "a keeper was reaped elsewhere (errno \(error)): SIGCHLD ignored, or wait(-1)?")
        streams.finish(on: poller)
        let verdict = verdict(keeper: ChildExit(exit))
        control.close()
        return .doneThen { [self] in ended.fulfil(verdict) }
    }

    private func verdict(keeper: ChildExit) -> Result<CommandResult, ChildProcessError> {
        let report = control.use { cspawn_next_report($0) }
        switch cspawn_report_kind(UInt32(report.kind)) {
        case CSPAWN_REPORT_ENDED:
            guard let cause = CommandResult.Cause(cspawn_cause(UInt32(report.cause))) else {
                return .failure(failed(.keeperLost, "its keeper lost the connection to this process and killed it"))
            }
            return .success(
                CommandResult(
                    exit: ChildExit(cspawn_exit(value: report.first, signalled: report.second != 0)),
                    cause: cause,
                    standardOutput: streams.standardOutput,
                    standardError: streams.standardError,
                    leftDescendants: keeper != .code(Int32(CSPAWN_KEEPER_CLEAN.rawValue))
                )
            )
        case CSPAWN_REPORT_FAILED:
            let failure = cspawn_failure(step: report.first, error: report.second)
            return .failure(ChildProcessError(failure, specification: specification))
        case CSPAWN_REPORT_ABANDONED:
            return .failure(failed(.cannotKill, "process \(report.first) changed its user and could not be killed"))
        default:
            return .failure(failed(.keeperLost, "its keeper ended by \(keeper) without a report"))
        }
    }

    private func failed(_ code: ChildProcessError.Code, _ attempt: String) -> ChildProcessError {
        ChildProcessError(code, executable: specification.executable, attempt: attempt)
    }
}

extension CommandResult.Cause {
    /// Returns nil for the cause that has nobody to hear of it: this process is gone.
    init?(_ cause: cspawn_cause) {
        switch cause {
        case CSPAWN_CAUSE_ITSELF: self = .itself
        case CSPAWN_CAUSE_TIMEOUT: self = .timeout
        case CSPAWN_CAUSE_TERMINATED: self = .cancellation
        case CSPAWN_CAUSE_KILLED: self = .killAll
        case CSPAWN_CAUSE_LEASE: self = .lease
        default: return nil
        }
    }
}

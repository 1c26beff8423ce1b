import Glibc

/// A command that runs under its keeper, as it can be looked at meanwhile.
///
/// It may be kept beyond the command's end: then it tells what there was in the end.
public struct StartedCommand: Sendable {
    /// The process id of the command's keeper, whose only child the command is at first.
    public let keeperPID: pid_t
    private let streams: ChildStreams

    init(keeperPID: pid_t, streams: ChildStreams) {
        self.keeperPID = keeperPID
        self.streams = streams
    }

    /// The part of its standard output that is kept, up to now.
    public var standardOutput: CollectedOutput { streams.standardOutput }
    /// The part of its standard error that is kept, up to now.
    public var standardError: CollectedOutput { streams.standardError }
    /// The number of bytes that it has written to its standard output, up to now; cheaper than the bytes.
    public var standardOutputCount: Int { streams.standardOutputCount }
    /// The number of bytes that it has written to its standard error, up to now.
    public var standardErrorCount: Int { streams.standardErrorCount }
}

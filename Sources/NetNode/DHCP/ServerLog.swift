import ChildProcess

/// Counts in what a dnsmasq writes how often it has read its files since a moment.
///
/// It logs a file when it has read it whole, and does nothing else between two files of one reading. So a guest that
/// speaks after the lines are there is answered by what is in the files.
package struct ServerLog: Sendable {
    private let hostsEnd: String
    private let misses: [String]
    private let namesPart: String
    private var lines: OutputLines
    /// The number of times that `hosts` was read.
    package private(set) var hostsReads = 0
    /// The number of times that `names` was read.
    package private(set) var namesReads = 0

    /// A Boolean value that indicates whether one of them was not there when it was to be read: somebody takes files
    /// away.
    package private(set) var hasMissed = false

    /// Begins after what was written so far.
    package init(_ paths: ServerPaths, after output: CollectedOutput?) {
        hostsEnd = ": read \(paths.hosts)"
        namesPart = ": read \(paths.names) - "
        misses = [": cannot read \(paths.hosts): ", ": failed to load names from \(paths.names): "]
        lines = OutputLines(after: output)
    }

    /// Reads what was written since the last read.
    ///
    /// Lines that were written and dropped between two reads are not counted; waiting for them then ends with a
    /// timeout, and must not be taken for an answer.
    package mutating func read(_ output: CollectedOutput) {
        for line in lines.next(in: output).lines { note(line) }
    }

    private mutating func note(_ line: String) {
        if line.hasSuffix(hostsEnd) {
            hostsReads += 1
        } else if line.contains(namesPart) {
            namesReads += 1
        } else if misses.contains(where: line.contains) {
            hasMissed = true
        }
    }
}

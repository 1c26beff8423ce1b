import ClusterEngine
import Glibc
import Logging
import MariaDB

/// One entry of the log, before it is written.
struct LogRecord {
    typealias Field = (key: String, value: Logger.Metadata.Value)

    let time: Timestamp
    let level: Logger.Level
    let label: String
    let message: String
    /// The metadata as a line has it: each key once, in order.
    let fields: [Field]

    /// Describes an entry whose metadata comes from several sides; where two of them have a key, the later one has it.
    ///
    /// The sides are not merged into one dictionary: to make that took a sixth of the time of a line.
    init(time: Timestamp, level: Logger.Level, label: String, message: String, metadata sides: [Logger.Metadata]) {
        self.time = time
        self.level = level
        self.label = label
        self.message = message
        var fields: [Field] = []
        fields.reserveCapacity(sides.reduce(0) { $0 + $1.count })
        for (index, side) in sides.enumerated() {
            let later = sides[(index + 1)...]
            for field in side where !later.contains(where: { $0[field.key] != nil }) { fields.append(field) }
        }
        fields.sort { $0.key < $1.key }
        self.fields = fields
    }
}

/// The format of the log: for programs or for people.
package enum LogFormat: Sendable, Hashable {
    /// One JSON object a line.
    case json
    /// The same behind the level as the journal reads it (sd-daemon(3)), so that `journalctl -p warning` finds it.
    case journal
    /// Text for a terminal.
    case text

    /// Text when the descriptor is a terminal, else JSON, with levels where it leads to the journal.
    ///
    /// - Parameters:
    ///   - descriptor: Where the log is written.
    ///   - journal: The value of `$JOURNAL_STREAM`, by which systemd names the device and inode of the journal's
    ///     stream; it is inherited by processes whose stderr is another one.
    /// - Returns: The format.
    package static func suited(to descriptor: Int32, journal: String? = nil) -> LogFormat {
        if isatty(descriptor) == 1 { return .text }
        var status = stat()
        guard let journal, fstat(descriptor, &status) == 0 else { return .json }
        return journal == "\(status.st_dev):\(status.st_ino)" ? .journal : .json
    }

    /// The record as one line, with its end.
    func line(_ record: LogRecord) -> String {
        switch self {
        case .json: JSONLogLine.line(record)
        case .journal: "<\(record.level.syslogSeverity)>" + JSONLogLine.line(record)
        case .text: TextLogLine.line(record)
        }
    }
}

extension Logger.Level {
    /// The severity of RFC 5424.
    fileprivate var syslogSeverity: Int {
        switch self {
        case .critical: 2
        case .error: 3
        case .warning: 4
        case .notice: 5
        case .info: 6
        case .debug, .trace: 7
        }
    }
}

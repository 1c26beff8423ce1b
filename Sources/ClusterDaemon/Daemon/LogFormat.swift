import ClusterEngine
import Glibc
import Logging
import MariaDB

/// One entry of the log, before it is written.
struct LogRecord {
    let time: Timestamp
    let level: Logger.Level
    let label: String
    let message: String
    let metadata: Logger.Metadata
}

/// The format of the log: for programs or for people.
package enum LogFormat: Sendable, Hashable {
    /// One JSON object a line.
    case json
    /// Text for a terminal.
    case text

    /// Text when the descriptor is a terminal, else JSON.
    package static func suited(to descriptor: Int32) -> LogFormat {
        isatty(descriptor) == 1 ? .text : .json
    }

    /// The record as one line, with its end.
    func line(_ record: LogRecord) -> String {
        switch self {
        case .json: JSONLogLine.line(record)
        case .text: TextLogLine.line(record)
        }
    }
}

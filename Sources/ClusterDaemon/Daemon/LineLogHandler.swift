import ClusterEngine
import Foundation
import Glibc
import Logging
import MariaDB

/// Sends all loggers of this process to stderr.
///
/// It is called once, first thing in `main`.
///
/// - Parameters:
///   - level: what is less severe is dropped; a change holds for all loggers that were not given a level of their own.
///   - format: how to write; unless given, text to a terminal and JSON to anything else, with levels to the journal.
package func bootstrapLogging(level: Adjustable<Logger.Level> = Adjustable(.info), format: LogFormat? = nil) {
    let journal = ProcessInfo.processInfo.environment["JOURNAL_STREAM"]
    let format = format ?? .suited(to: STDERR_FILENO, journal: journal)
    let sink = LogSink(descriptor: STDERR_FILENO)
    LoggingSystem.bootstrap { label in
        LineLogHandler(label: label, format: format, sink: sink, level: level)
    }
}

/// Writes each entry of the log as one line.
struct LineLogHandler: LogHandler {
    let label: String
    let format: LogFormat
    let sink: LogSink
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    /// The level of the process, which holds unless this logger was given one of its own.
    private let processLevel: Adjustable<Logger.Level>
    private var ownLevel: Logger.Level?

    var logLevel: Logger.Level {
        get { ownLevel ?? processLevel.value }
        set { ownLevel = newValue }
    }

    init(
        label: String,
        format: LogFormat,
        sink: LogSink,
        level: Adjustable<Logger.Level> = Adjustable(.info)
    ) {
        processLevel = level
        self.label = label
        self.format = format
        self.sink = sink
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let error: Logger.Metadata? = event.error.map { ["error": "\($0)"] }
        let record = LogRecord(
            time: .now,
            level: event.level,
            label: label,
            message: event.message.description,
            metadata: [error, metadata, metadataProvider?.get(), event.metadata].compactMap(\.self)
        )
        sink.write(format.line(record))
    }
}

extension Timestamp {
    /// This machine's time of day, for the log only; stored times are the database's.
    fileprivate static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}

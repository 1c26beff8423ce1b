import Logging

/// Says what is wrong once, and once that it is over, however often it is tried in between.
package struct Trouble {
    private let logger: Logger
    private let progress: Progress?
    private var last: String?

    /// - Parameters:
    ///   - logger: told of changes.
    ///   - progress: told each time.
    package init(logger: Logger, progress: Progress? = nil) {
        self.logger = logger
        self.progress = progress
    }

    package mutating func report(_ message: String) {
        if message != last { logger.warning("not working, trying again", metadata: ["reason": "\(message)"]) }
        last = message
        progress?.failed(message)
    }

    package mutating func over() {
        if last != nil { logger.notice("working again") }
        last = nil
        progress?.made()
    }
}

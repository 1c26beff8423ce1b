import Logging

/// Says what is wrong once, and once that it is over, however often it is tried in between.
package struct Trouble {
    private let logger: Logger
    private var last: String?

    package init(logger: Logger) {
        self.logger = logger
    }

    package mutating func report(_ message: String) {
        if message != last { logger.warning("not working, trying again", metadata: ["reason": "\(message)"]) }
        last = message
    }

    package mutating func over() {
        if last != nil { logger.notice("working again") }
        last = nil
    }
}

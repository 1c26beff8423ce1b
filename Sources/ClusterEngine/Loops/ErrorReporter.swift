import Logging

/// Logs an error of a component when it begins and when it is resolved, however often it is tried in between.
package struct ErrorReporter {
    private let component: String
    private let logger: Logger
    private let progress: Progress?
    private var last: String?

    /// Creates a reporter.
    ///
    /// - Parameters:
    ///   - component: The part of the process that tries, by which an alert tells one from another.
    ///   - logger: Told of changes.
    ///   - progress: Told of each attempt.
    package init(_ component: String, logger: Logger, progress: Progress? = nil) {
        self.component = component
        self.logger = logger
        self.progress = progress
    }

    /// Logs an error, unless it is the one that was logged last.
    package mutating func report(_ message: String) {
        if message != last {
            logger.warning(
                "not working, trying again",
                metadata: ["component": "\(component)", "reason": "\(message)"]
            )
        }
        last = message
        progress?.failed(message)
    }

    /// Logs that the last error is gone, if there was one.
    package mutating func resolved() {
        if last != nil { logger.notice("working again", metadata: ["component": "\(component)"]) }
        last = nil
        progress?.made()
    }
}

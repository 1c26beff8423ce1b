import Logging

extension Logger {
    /// Returns this logger with a component in each line, by which an operator tells one part of the process from
    /// another.
    package func component(_ name: String) -> Logger {
        var logger = self
        logger[metadataKey: "component"] = "\(name)"
        return logger
    }
}

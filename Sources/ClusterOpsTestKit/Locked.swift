import Synchronization

/// A value that the tasks of a test share.
public final class Locked<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    /// Starts with a value.
    public init(_ value: Value) {
        mutex = Mutex(value)
    }

    /// The value as it is now.
    public var value: Value { mutex.withLock { $0 } }

    /// Changes the value; nothing else sees it meanwhile.
    @discardableResult
    public func update<Result: Sendable>(_ change: (inout Value) -> Result) -> Result {
        mutex.withLock { value in change(&value) }
    }
}

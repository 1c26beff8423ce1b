import Foundation

/// Does something on a thread of its own in another network namespace: a socket that is made there stays there.
package enum WithinNamespace {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private typealias Enter = @convention(c) (Int32, Int32) -> Int32

    /// Runs a body on a thread that ends afterwards, so that no other work is ever done in the namespace.
    package static func run<Result: Sendable>(
        _ path: String,
        _ body: @escaping @Sendable () throws -> Result
    ) throws -> Result {
        let outcome = Locked<Swift.Result<Result, any Error>?>(nil)
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            let result = Swift.Result {
                try enter(path)
                return try body()
            }
            outcome.update { $0 = result }
            done.signal()
        }
        done.wait()
        guard let result = outcome.value else { preconditionFailure("the body has ended") }
        return try result.get()
    }

    private static func enter(_ path: String) throws {
        // Swift's Glibc does not show it.
        guard let symbol = dlsym(nil, "setns") else { throw Failure(description: "there is no setns") }
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Failure(description: "cannot open \(path): \(String(cString: strerror(errno)))") }
        defer { close(file) }
        let newNetwork: Int32 = 0x4000_0000
        guard unsafeBitCast(symbol, to: Enter.self)(file, newNetwork) == 0 else {
            throw Failure(description: "cannot enter \(path): \(String(cString: strerror(errno)))")
        }
    }
}

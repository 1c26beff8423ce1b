import Glibc
import Synchronization

/// Writes lines to a descriptor, each whole.
///
/// A line goes out in one write(2), so that it does not mix with those of other processes that share the descriptor;
/// only what the kernel did not take is written after it, under the same lock, before the next line of this process.
final class LogSink: Sendable {
    /// The time, in milliseconds, for which a descriptor that takes nothing, and was set not to block, is waited for
    /// before a line is given up.
    private static let patience: Int32 = 1000

    private let descriptor: Int32
    private let isWriting = Mutex(())

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Writes a line.
    ///
    /// One that cannot be written is given up: there is no other place to say so.
    func write(_ line: String) {
        var line = line
        line.withUTF8 { bytes in
            isWriting.withLock { _ in write(bytes[...]) }
        }
    }

    private func write(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) {
        var rest = bytes
        while !rest.isEmpty {
            let written = Glibc.write(descriptor, UnsafeBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written > 0 {
                rest = rest.dropFirst(written)
            } else if written == 0 || !(errno == EINTR || errno == EAGAIN && isWritable()) {
                return
            }
        }
    }

    private func isWritable() -> Bool {
        var subject = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&subject, 1, Self.patience) > 0
    }
}

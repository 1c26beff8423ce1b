import Glibc

/// A file descriptor that text is written to.
struct Descriptor {
    static let output = Descriptor(number: STDOUT_FILENO)
    static let talk = Descriptor(number: STDERR_FILENO)

    private let number: Int32

    /// Writes all of a text, or returns the errno that kept it from being written.
    func write(_ text: String) -> Int32? {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
            if written >= 0 {
                bytes = bytes.dropFirst(written)
            } else if errno != EINTR {
                return errno
            }
        }
        return nil
    }
}

import Glibc

/// A pipe that wakes a thread out of `poll`; neither end ever waits.
struct WakePipe: Sendable {
    /// Readable when there is something to drain.
    let descriptor: Int32
    let writingEnd: Int32

    init() throws(Failure) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw Failure(.failed, "cannot make a pipe: \(String(cString: strerror(errno)))")
        }
        // This program starts no other that could inherit them.
        for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        (descriptor, writingEnd) = (ends[0], ends[1])
    }

    /// Puts a byte in; a pipe that is full has enough to say.
    func ring() {
        var byte: UInt8 = 0
        _ = write(writingEnd, &byte, 1)
    }

    /// Removes and returns what was put in.
    func drain() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }
}

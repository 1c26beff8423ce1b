import ClusterOpsTestKit
import Foundation
import Synchronization
import Testing

/// A pseudo-terminal of a fixed size with a program on it, and the screen that a person would see.
final class PseudoTerminal: Sendable {
    /// TIOCSPTLCK and TIOCGPTN, which no module has.
    private static let (lock, number): (UInt, UInt) = (0x4004_5431, 0x8004_5430)

    private let process: SpawnedProcess
    private let master: Int32
    private let state: Mutex<(screen: DrawnScreen, received: Int)>

    /// Starts a program whose controlling terminal it is.
    init(
        _ program: String,
        _ arguments: [String],
        environment: [String: String],
        columns: Int = 80,
        rows: Int = 24,
        reads: Bool = true
    ) throws {
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (locked, number): (Int32, UInt32) = (0, 0)
        try #require(master >= 0 && ioctl(master, Self.lock, &locked) == 0 && ioctl(master, Self.number, &number) == 0)
        let name = "/dev/pts/\(number)"
        state = Mutex((DrawnScreen(columns: columns, rows: rows), 0))
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        try #require(ioctl(master, UInt(TIOCSWINSZ), &size) == 0)

        process = try SpawnedProcess(program, arguments, environment: environment, terminal: name)
        if reads { startReading() }
    }

    var pid: Int32 { process.pid }
    /// What the screen shows now.
    var screen: DrawnScreen { state.withLock { $0.screen } }
    /// Bytes that have come so far.
    var received: Int { state.withLock { $0.received } }

    /// Reads what the program sends, on a thread of its own, until the terminal is gone.
    func startReading() {
        Thread.detachNewThread { [self] in
            var bytes = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(master, &bytes, bytes.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                state.withLock { state in
                    state.screen.take(bytes.prefix(count))
                    state.received += count
                }
            }
        }
    }

    /// Presses keys.
    func type(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(master, bytes, bytes.count)
    }

    /// Makes the terminal another size; the program is told by the kernel.
    func resize(columns: Int, rows: Int) {
        state.withLock { $0.screen.resize(columns: columns, rows: rows) }
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    /// The modes of the terminal, to be compared.
    var modes: [UInt32] {
        var attributes = termios()
        tcgetattr(master, &attributes)
        return [attributes.c_iflag, attributes.c_oflag, attributes.c_lflag]
    }

    /// Waits until the screen is as it should be.
    func until(_ what: String, _ isSo: @escaping @Sendable (DrawnScreen) -> Bool) async throws {
        do {
            try await eventually(what) { isSo(self.screen) }
        } catch {
            Issue.record("\(what):\n\(screen.text)")
            throw error
        }
    }

    /// Waits for the program's end: its exit code, or a signal's number as a negative one.
    func end() async throws -> Int32 {
        let (ended, process) = (Locked<Int32?>(nil), process)
        Thread.detachNewThread {
            let status = process.wait()
            ended.update { $0 = status }
        }
        try await eventually("the program has ended") { ended.value != nil }
        return try #require(ended.value)
    }

    /// Hangs up, so that the terminal is gone for the program; only where nothing reads.
    func hangUp() { close(master) }
}

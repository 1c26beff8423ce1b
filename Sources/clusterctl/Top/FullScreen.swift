import Glibc

/// The terminal while a program has all of it; used by one thread.
///
/// Nothing here waits for a terminal that takes no bytes: they are kept until it does, and no new frame is made
/// meanwhile.
struct FullScreen {
    /// The size that is assumed of a terminal without one.
    private static let standardSize = (columns: 80, rows: 24)
    /// The longest time that the last bytes may take on a line that does not move; then they are given up.
    private static let lastBytesMilliseconds: Int32 = 1000
    /// Another screen, no cursor, no wrapping at the last column.
    private static let enter = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l"
    private static let leave = "\u{1b}[?2026l\u{1b}[0m\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l"
    /// Ends a sequence of which the rest was thrown away.
    private static let cancel = "\u{18}"

    let descriptor: Int32
    let colours: Bool
    private let before: termios
    private var pending: [UInt8] = []

    /// Opens the terminal of this process, and changes nothing yet.
    ///
    /// - Throws: `Failure` with the usage code when there is none, or it cannot place text.
    init(for command: String) throws(Failure) {
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else {
            throw Failure(
                .usage,
                "'\(command)' draws on a terminal, and stdin or stdout is none: use 'clusterctl status'"
            )
        }
        guard let kind = getenv("TERM").map({ String(cString: $0) }), !["", "dumb"].contains(kind) else {
            throw Failure(.usage, "'\(command)' needs a terminal that can place text; TERM says that this one cannot")
        }
        // Opened anew, so that not to wait is this program's affair only and not its shell's. The second path is for a
        // terminal that is not the controlling one.
        let flags = O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
        let opened = open("/dev/tty", flags)
        descriptor = opened >= 0 ? opened : open("/proc/self/fd/\(STDOUT_FILENO)", flags)
        var attributes = termios()
        guard descriptor >= 0, tcgetattr(descriptor, &attributes) == 0 else {
            throw Failure(.failed, "cannot open the terminal: \(String(cString: strerror(errno)))")
        }
        before = attributes
        colours = Terminal.style == .coloured
    }

    /// A Boolean value that indicates whether a frame would wait for the one before it.
    var isBusy: Bool { !pending.isEmpty }

    /// The size, as it is now.
    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return Self.standardSize
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Takes the terminal: keys come one by one, unseen; the keys of signals go on sending them.
    mutating func take() {
        var raw = before
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO | IEXTEN)
        raw.c_iflag &= ~tcflag_t(ICRNL)
        _ = tcsetattr(descriptor, TCSANOW, &raw)
        show(Self.enter)
    }

    /// Gives the terminal back as it was found.
    mutating func giveBack() {
        if !pending.isEmpty {
            // On a slow line it would take long to show what nobody will see.
            _ = tcflush(descriptor, TCOFLUSH)
            pending = Array(Self.cancel.utf8)
        }
        // A program in the background is not to be stopped for cleaning up.
        signal(SIGTTOU, SIG_IGN)
        // Stopped by ctrl-S, it would never show that it is over; Linux goes on when that key loses its meaning.
        var moving = before
        moving.c_iflag &= ~tcflag_t(IXON)
        _ = tcsetattr(descriptor, TCSANOW, &moving)
        show(Self.leave)
        var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        while !pending.isEmpty, Glibc.poll(&poll, 1, Self.lastBytesMilliseconds) == 1, poll.revents == Int16(POLLOUT) {
            push()
        }
        pending = []
        // Keys that nobody has read are not for the shell.
        _ = tcflush(descriptor, TCIFLUSH)
        var found = before
        _ = tcsetattr(descriptor, TCSANOW, &found)
        signal(SIGTTOU, SIG_DFL)
    }

    /// Sends text, or keeps what the terminal does not take at once.
    mutating func show(_ text: String) {
        pending += Array(text.utf8)
        push()
    }

    /// Sends what was kept, as far as it goes.
    mutating func push() {
        while !pending.isEmpty {
            let written = pending.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written > 0 {
                pending.removeFirst(written)
            } else if errno != EINTR {
                // A terminal that is gone is noticed where keys are read.
                return
            }
        }
    }

    /// The keys that have been pressed; nil when the terminal is gone.
    func keys() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        if count > 0 { return Array(bytes.prefix(count)) }
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? [] : nil
    }
}

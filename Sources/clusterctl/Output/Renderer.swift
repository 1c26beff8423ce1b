import ArgumentParser
import ClusterDaemon
import ClusterModel
import ClusterReports
import Foundation

/// The format in which answers are printed.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table
    case json
}

/// An answer that can be printed in every format.
protocol Answer: Encodable {
    var table: TextTable { get }
}

/// An answer that is a script where it is no JSON: printed as it is, whatever the terminal's width.
protocol ScriptAnswer: Encodable {
    var script: String { get }
}

/// The one place where answers are printed.
struct Renderer {
    private let format: OutputFormat

    init(_ format: OutputFormat) {
        self.format = format
    }

    func print(_ answer: some Answer) throws {
        switch format {
        case .json: try write(json(answer) + "\n")
        case .table: try write(answer.table.text(width: Terminal.width, style: Terminal.style))
        }
    }

    /// Prints an answer in the place of the one before, where there is a terminal; else after it.
    func printInPlace(_ answer: some Answer) throws {
        guard format == .table else { return try write(ContractDocument.text(of: answer) + "\n") }
        let table = answer.table.text(width: Terminal.width, style: Terminal.style)
        // Clears the screen and goes to its first place.
        try write(Terminal.width == nil ? table + "\n" : "\u{1b}[2J\u{1b}[1;1H" + table)
    }

    /// Prints one of many answers on a line of its own, as it comes: JSON lines, or text.
    func printLine(_ answer: some Encodable, text: String) throws {
        switch format {
        case .json: try write(try ContractDocument.text(of: answer) + "\n")
        case .table: try write(Printable.escaped(text) + "\n")
        }
    }

    /// Prints one of many answers as it comes: JSON lines, or text that was made printable, as it stands.
    func printPiece(_ answer: some Encodable, text: String) throws {
        switch format {
        case .json: try write(try ContractDocument.text(of: answer) + "\n")
        case .table: try write(text)
        }
    }

    func print(_ answer: some ScriptAnswer) throws {
        switch format {
        case .json: try write(json(answer) + "\n")
        case .table: try write(answer.script)
        }
    }

    private func json(_ answer: some Encodable) throws -> String {
        try ContractDocument.text(of: answer, .pretty)
    }

    /// An answer that could not be written is a failure: a full disk must not look like an empty answer.
    private func write(_ text: String) throws {
        guard let reason = Descriptor.output.write(text) else { return }
        if reason == EPIPE { ProcessEnd.byBrokenPipe() }
        throw Failure(.failed, "cannot write to stdout: \(String(cString: strerror(reason)))")
    }
}

/// The terminal that stdout and stdin are connected to, if they are.
enum Terminal {
    /// The columns of the terminal, or nil when stdout is none.
    static var width: Int? {
        var size = winsize()
        guard isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return nil
        }
        return Int(size.ws_col)
    }

    /// Colours are for a terminal that shows them, and for people who want them (no-color.org).
    static var style: TextStyle {
        let isWanted = getenv("NO_COLOR").map { $0.pointee == 0 } ?? true
        let isDumb = getenv("TERM").map { String(cString: $0) == "dumb" } ?? true
        return width != nil && isWanted && !isDumb ? .coloured : .plain
    }

    /// A Boolean value that indicates whether progress can be shown in place.
    static var showsProgress: Bool { isatty(STDERR_FILENO) == 1 }

    /// A Boolean value that indicates whether somebody can be asked.
    static var hasPerson: Bool {
        isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1
    }
}

import Glibc

/// Text that a person or a script hands in.
enum InputFile {
    private static let pieceSize = 65_536

    /// Reads a file, or stdin for `-`, as UTF-8.
    ///
    /// - Throws: `Failure` with the usage code, naming the file.
    static func read(_ path: String, limit: Int) throws -> String {
        let name = path == "-" ? "stdin" : path
        func refusal(_ reason: String) -> Failure { Failure(.usage, "\(name): \(reason)") }
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw refusal(String(cString: strerror(errno))) }
        defer { if descriptor != STDIN_FILENO { close(descriptor) } }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: pieceSize)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count == 0 { break }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw refusal(String(cString: strerror(errno)))
            }
            bytes += piece.prefix(count)
            guard bytes.count <= limit else { throw refusal("expected at most \(limit) bytes, found more") }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw refusal("expected text in UTF-8") }
        return text
    }
}

import ClusterModel
import Glibc

extension Configuration {
    /// Longer than any password that MariaDB's protocol is used with, short enough to read at once.
    private static let longestPassword = 4096

    /// Reads the password of the database user from `database.password_file`.
    ///
    /// One newline at the end is not part of the password. `/dev/stdin` stands for a file or pipe that a supervisor
    /// has opened for this process, which cannot open it itself: it is read once, and is remembered.
    ///
    /// - Returns: The password, or nil when no file is set.
    /// - Throws: `ConfigurationError` when the file cannot be read, is no regular file (a symbolic link is none), can
    ///   be read or written by anybody but its owner, belongs to neither root nor the current user, or holds no
    ///   password of one line. The error names the file, and shows nothing of what is in it.
    package func databasePassword() throws(ConfigurationError) -> String? {
        guard let path = database.passwordFile else { return nil }
        func refusal(_ message: String) -> ConfigurationError {
            let source = ConfigurationError.Problem.Source.file(path: ValueError.quotable(path), line: nil)
            return ConfigurationError(
                problems: [.init(source: source, key: "database.password_file", message: message)]
            )
        }
        let file: RegularFile
        do throws(RegularFile.Failure) {
            file =
                path == StandardInputFile.path
                ? try StandardInputFile.read(limit: Self.longestPassword)
                : try RegularFile.read(path, limit: Self.longestPassword, followsLinks: false)
        } catch {
            throw refusal(error.message)
        }
        guard file.mode & 0o077 == 0 else {
            let mode = RegularFile.octal(file.mode)
            throw refusal("expected a file that is closed to group and others (chmod 600), found mode \(mode)")
        }
        guard file.owner == 0 || file.owner == geteuid() else {
            throw refusal("expected a file of root or of user \(geteuid()), found one of user \(file.owner)")
        }
        let newline = UInt8(ascii: "\n")
        let bytes = file.bytes.last == newline ? file.bytes.dropLast() : file.bytes[...]
        guard !bytes.isEmpty, let password = String(validating: bytes, as: UTF8.self), !password.hasControlCharacters
        else {
            throw refusal("expected one line of text in UTF-8 without control characters")
        }
        return password
    }
}

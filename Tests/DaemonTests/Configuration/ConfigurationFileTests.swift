import Foundation
import Testing

@testable import ClusterDaemon

@Suite struct ConfigurationFileTests {
    @Test("The file is the one that is named, else the one of the variable, else the default")
    func whichFile() throws {
        try withTemporaryDirectory { directory in
            for slots in [11, 12, 13] {
                try write("worker: {slots: \(slots)}", to: "\(directory)/\(slots)")
            }
            func slots(_ path: String?, _ environment: [String: String]) throws -> Int {
                try Configuration.load(path: path, environment: environment, defaultPath: "\(directory)/13").worker
                    .slots
            }
            #expect(try slots("\(directory)/11", ["CLUSTEROPS_CONFIG": "\(directory)/12"]) == 11)
            #expect(try slots(nil, ["CLUSTEROPS_CONFIG": "\(directory)/12"]) == 12)
            #expect(try slots(nil, [:]) == 13)
            try FileManager.default.createSymbolicLink(atPath: "\(directory)/l", withDestinationPath: "11")
            #expect(try slots("\(directory)/l", [:]) == 11)
        }
    }

    @Test("A file that is named must be there, and be a readable file of at most 1 MiB in UTF-8")
    func unreadable() throws {
        try withTemporaryDirectory { directory in
            func message(_ name: String, _ environment: [String: String] = [:]) -> String? {
                let error = #expect(throws: ConfigurationError.self) {
                    try Configuration.load(path: "\(directory)/\(name)", environment: environment)
                }
                return error?.description.replacing("\(directory)/", with: "")
            }
            #expect(message("none") == "none: expected a file, found none")
            #expect(message(".") == ".: expected a regular file, found a directory")
            #expect(mkfifo("\(directory)/pipe", 0o600) == 0)
            #expect(message("pipe") == "pipe: expected a regular file, found a pipe")
            try write(String(repeating: "#", count: 1 << 20), to: "\(directory)/largest")
            #expect(try Configuration.load(path: "\(directory)/largest", environment: [:]) == Configuration())
            try write(String(repeating: "#", count: 1 << 20 + 1), to: "\(directory)/larger")
            #expect(message("larger") == "larger: expected at most 1048576 bytes, found more")
            try Data([0x23, 0xff]).write(to: URL(filePath: "\(directory)/latin"))
            #expect(message("latin") == "latin: expected text in UTF-8")
            #expect(message("a\0b") == #"a\u{0}b: expected a path without NUL characters"#)
            #expect(message("none", ["CLUSTEROPS_NODE_NAME": "X"])?.split(separator: "\n").count == 2)
        }
        let error = #expect(throws: ConfigurationError.self) {
            try Configuration.load(path: nil, environment: ["CLUSTEROPS_CONFIG": ""])
        }
        #expect(error?.description == "CLUSTEROPS_CONFIG: expected the path of a file, found nothing")
    }

    @Test(
        "A file that others could have written, or put in its place, is refused with its mode",
        .enabled(if: geteuid() == 0, "only root can give files away")
    )
    func writableByOthers() throws {
        try withTemporaryDirectory { directory in
            func message(_ name: String) -> String? {
                do {
                    _ = try Configuration.load(path: "\(directory)/\(name)", environment: [:])
                    return nil
                } catch {
                    return "\(error)".replacing("\(directory)/", with: "")
                }
            }
            for (mode, text) in [(0o666, "0666"), (0o664, "0664"), (0o646, "0646")] {
                try write("{}", to: "\(directory)/config", mode: mode)
                let found = "config: expected a file that only its owner can write (chmod go-w), found mode \(text)"
                #expect(message("config") == found)
            }
            for mode in [0o600, 0o644, 0o444] {
                try write("{}", to: "\(directory)/config", mode: mode)
                #expect(message("config") == nil)
            }
            try write("{}", to: "\(directory)/foreign")
            #expect(chown("\(directory)/foreign", 65_534, 65_534) == 0)
            #expect(message("foreign") == "foreign: expected a file of root or of user 0, found one of user 65534")

            try FileManager.default.createDirectory(atPath: "\(directory)/open", withIntermediateDirectories: false)
            try write("{}", to: "\(directory)/open/config")
            try FileManager.default.createSymbolicLink(atPath: "\(directory)/link", withDestinationPath: "open/config")
            for (mode, isRefused) in [(mode_t(0o755), false), (0o777, true), (0o775, true), (0o1777, false)] {
                #expect(chmod("\(directory)/open", mode) == 0)
                for name in ["open/config", "link"] {
                    #expect(
                        message(name)?.contains("in a directory that only its owner can write")
                            == (isRefused ? true : nil)
                    )
                }
            }
        }
    }

    @Test("The default file may be missing, and is otherwise read as strictly")
    func defaultFile() throws {
        try withTemporaryDirectory { directory in
            func load(_ name: String) throws -> Configuration {
                try Configuration.load(path: nil, environment: [:], defaultPath: "\(directory)/\(name)")
            }
            let missing = try load("none")
            #expect(missing == Configuration())
            #expect(throws: ConfigurationError.self) { try load(".") }
        }
    }

    @Test("Without a password file there is no password")
    func noPassword() throws {
        #expect(try Configuration().databasePassword() == nil)
    }

    @Test(
        "One newline at the end is not part of the password",
        arguments: [("secret", "secret"), ("secret\n", "secret"), (" s e \n", " s e "), ("pässwort\n", "pässwort")]
    )
    func password(content: String, expected: String) throws {
        try withTemporaryDirectory { directory in
            for mode in [0o600, 0o400] {
                let path = "\(directory)/\(mode)"
                try write(content, to: path, mode: mode)
                #expect(try configuration(passwordFile: path).databasePassword() == expected)
            }
        }
    }

    @Test(
        "A password file that group or others can open is refused with its mode",
        arguments: [(0o644, "0644"), (0o640, "0640"), (0o620, "0620"), (0o604, "0604"), (0o602, "0602")]
    )
    func passwordMode(mode: Int, text: String) throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/password"
            try write("hunter2", to: path, mode: mode)
            let error = #expect(throws: ConfigurationError.self) {
                try configuration(passwordFile: path).databasePassword()
            }
            #expect(
                error?.description == "\(path): database.password_file: expected a file that is closed to group and "
                    + "others (chmod 600), found mode \(text)"
            )
        }
    }

    @Test(
        "A password file without one line of text is refused, and nothing of it is shown",
        arguments: [
            "", "\n", "hunter2\n\n", "hunter2\r\n", "hunter2\nx", "hunter2\0", String(repeating: "x", count: 4097),
        ]
    )
    func passwordContent(content: String) throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/password"
            try write(content, to: path)
            let error = #expect(throws: ConfigurationError.self) {
                try configuration(passwordFile: path).databasePassword()
            }
            #expect(error?.description.hasPrefix("\(path): database.password_file: expected") == true)
            #expect(error?.description.contains("hunter2") == false)
        }
    }

    @Test("A password file must be a regular file, and a symbolic link is none")
    func passwordKind() throws {
        try withTemporaryDirectory { directory in
            try write("hunter2", to: "\(directory)/password")
            try FileManager.default.createSymbolicLink(atPath: "\(directory)/link", withDestinationPath: "password")
            #expect(mkfifo("\(directory)/pipe", 0o600) == 0)
            for (name, found) in [
                ("link", "expected a regular file, found a symbolic link"), (".", "found a directory"),
                ("pipe", "found a pipe"), ("none", "found none"),
            ] {
                let error = #expect(throws: ConfigurationError.self) {
                    try configuration(passwordFile: "\(directory)/\(name)").databasePassword()
                }
                #expect(error?.description.hasSuffix(found) == true, "\(error?.description ?? "")")
            }
        }
    }

    @Test("A password file of another user is refused", .enabled(if: geteuid() == 0, "only root can give files away"))
    func passwordOwner() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/password"
            try write("hunter2", to: path)
            #expect(chown(path, 65_534, 65_534) == 0)
            let error = #expect(throws: ConfigurationError.self) {
                try configuration(passwordFile: path).databasePassword()
            }
            let message = "expected a file of root or of user 0, found one of user 65534"
            #expect(error?.description.hasSuffix(message) == true)
        }
    }

    private func configuration(passwordFile: String) -> Configuration {
        var configuration = Configuration()
        configuration.database.passwordFile = passwordFile
        return configuration
    }

    private func write(_ text: String, to path: String, mode: Int = 0o600) throws {
        try Data(text.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }
}

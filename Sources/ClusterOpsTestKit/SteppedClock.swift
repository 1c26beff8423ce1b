import Foundation

/// A wall clock for one process, which a test steps as NTP, a failover or a wrong RTC would.
///
/// It is libfaketime, loaded into that process only. The monotonic clocks stay true, as they do when a machine's
/// clock is set.
struct SteppedClock: Sendable {
    private let library: String
    private let file: String

    /// Makes a clock that shows the machine's time, and is stepped through a file.
    ///
    /// - Throws: `PrivateServer.StartFailure` when libfaketime is not installed.
    init(file: String) throws {
        guard let library = Self.installedLibrary else {
            throw PrivateServer.StartFailure(
                description: "libfaketime is not installed: run deploy/install-dependencies"
            )
        }
        self.library = library
        self.file = file
        try step(by: .zero)
    }

    /// The environment that makes a process run by the clock.
    var environment: [String: String] {
        [
            "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": file,
            // Without it a step is seen up to ten seconds late.
            "FAKETIME_NO_CACHE": "1",
            // The same setting, as releases up to 0.9.9 and later ones call it.
            "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        ]
    }

    func step(by difference: Duration) throws {
        let seconds = difference.components.seconds
        // Replaced as a whole: the process reads the file at every look at the clock.
        try Data("\(seconds < 0 ? "" : "+")\(seconds)\n".utf8).write(to: URL(fileURLWithPath: file), options: .atomic)
    }

    /// The variant for programs with threads; Debian has it in a directory of the architecture.
    private static let installedLibrary: String? = {
        let architectures = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib")) ?? []
        return architectures.sorted().map { "/usr/lib/\($0)/faketime/libfaketimeMT.so.1" }
            .first { FileManager.default.fileExists(atPath: $0) }
    }()
}

import Foundation
import Testing

@testable import ChildProcess

/// Looks again and again until the condition holds: for processes of others, which send us no signal.
func eventually(
    within limit: Duration = .seconds(20),
    _ condition: () async throws -> Bool
) async throws -> Bool {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(1))
    }
    return try await condition()
}

/// A word in the environment by which a test finds every process that came from it, whoever its parent is by now.
struct Mark: Sendable {
    static let variable = "COTEST_CS_MARK"
    let value = UUID().uuidString

    var environment: [String: String] {
        ["PATH": ChildSpecification.standardPath, Self.variable: value]
    }

    /// The processes with this mark that still live.
    ///
    /// A zombie has no environment any more, and does not count: on a machine whose first process does not reap, dead
    /// orphans stay zombies.
    func processes() -> [pid_t] {
        let wanted = Data("\(Self.variable)=\(value)".utf8)
        return ProcessTable.all().filter { pid in
            guard let environment = FileManager.default.contents(atPath: "/proc/\(pid)/environ") else { return false }
            return environment.range(of: wanted) != nil && ProcessTable.lives(pid)
        }
    }

    /// Whether all of them are gone soon.
    func allGone() async throws -> Bool {
        try await eventually { processes().isEmpty }
    }
}

enum ProcessTable {
    static func all() -> [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }
    }

    /// The letter of `/proc/PID/stat`, nil when there is no such process.
    static func state(_ pid: pid_t) -> Character? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
        // The name before it stands in brackets and may itself hold any character.
        let text = String(decoding: data, as: UTF8.self)
        guard let bracket = text.lastIndex(of: ")") else { return nil }
        return text[bracket...].dropFirst(2).first
    }

    static func lives(_ pid: pid_t) -> Bool {
        guard let state = state(pid) else { return false }
        return state != "Z" && state != "X"
    }

    static func name(_ pid: pid_t) -> String {
        let data = FileManager.default.contents(atPath: "/proc/\(pid)/comm") ?? Data()
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
    }

    static func status(_ pid: pid_t, _ key: String) -> String? {
        let data = FileManager.default.contents(atPath: "/proc/\(pid)/status") ?? Data()
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
        return lines.first { $0.hasPrefix(key + ":") }?
            .dropFirst(key.count + 1).trimmingCharacters(in: .whitespaces)
    }
}

/// The test daemon (Sources/childprocess-probe).
enum Probe {
    static let path = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("childprocess-probe").path

    /// Lends a running probe, and ends it and all that came from it afterwards, also when the test has failed. (What is
    /// left would hold the standard error of the test run open.)
    ///
    /// The keepers and children of the probe have sessions or groups of their own, so that the killing of the probe's
    /// group at its end does not do their work for them.
    static func run(
        _ arguments: [String],
        as credentials: Credentials? = nil,
        _ body: (SupervisedChild, Mark) async throws -> Void
    ) async throws {
        let mark = Mark()
        let probe = try await SupervisedChild.start(
            ChildSpecification(
                executable: path,
                arguments: arguments,
                environment: mark.environment,
                credentials: credentials,
                standardOutput: .collect(limit: 65_536, keeping: .head),
                standardError: .inherit
            )
        )
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(probe, mark))
        } catch {
            result = .failure(error)
        }
        await probe.terminate(grace: .zero)
        for pid in mark.processes() { kill(pid, SIGKILL) }
        try result.get()
    }
}

/// A directory of the test's own, removed afterwards.
func withTemporaryDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let path = "/tmp/cotest-cs-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}

extension ChildSpecification {
    /// A shell script with both outputs collected.
    static func shell(
        _ script: String,
        mark: Mark = Mark(),
        input: StandardInput = .null,
        limit: Int = 65_536
    ) -> ChildSpecification {
        ChildSpecification(
            executable: "sh",
            arguments: ["-c", script],
            environment: mark.environment,
            standardInput: input,
            standardOutput: .collect(limit: limit, keeping: .head),
            standardError: .collect(limit: limit, keeping: .tail)
        )
    }
}

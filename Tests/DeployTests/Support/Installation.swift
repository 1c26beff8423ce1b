import ClusterOpsTestKit
import Foundation
import Testing

/// What `deploy/install` makes of a directory.
struct Installation: Sendable {
    let directory: String
    /// Where the programs are taken from.
    let programs: String

    fileprivate init() throws {
        directory = "/tmp/clusterops-install-\(String(UInt32.random(in: .min ... .max), radix: 36))"
        programs = "\(directory).programs"
        for path in [directory, programs] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        }
        for name in ["clusterctl", "queueworker", "netnode"] {
            try FileManager.default.createSymbolicLink(
                atPath: "\(programs)/\(name)",
                withDestinationPath: try BuiltProduct.path(name)
            )
        }
    }

    @discardableResult
    func install(_ more: String...) async throws -> ProgramRun {
        try await ProgramRun.run(
            "\(ProgramRun.root)/deploy/install",
            ["--from", programs, "--destdir", directory] + more
        )
    }

    func uninstall(_ more: String...) async throws -> ProgramRun {
        try await ProgramRun.run("\(ProgramRun.root)/deploy/uninstall", ["--destdir", directory] + more)
    }

    /// Every file with its mode and size.
    func tree() throws -> [String: [Int]] {
        var tree: [String: [Int]] = [:]
        let manager = FileManager.default
        for case let path as String in manager.enumerator(atPath: directory) ?? .init() {
            let attributes = try manager.attributesOfItem(atPath: "\(directory)/\(path)")
            guard attributes[.type] as? FileAttributeType != .typeDirectory else { continue }
            tree[path] = [
                (attributes[.posixPermissions] as? Int) ?? 0, (attributes[.size] as? Int) ?? 0,
                (attributes[.systemFileNumber] as? Int) ?? 0,
            ]
        }
        return tree
    }

    /// Every directory.
    func directories() throws -> Set<String> {
        let manager = FileManager.default
        var found: Set<String> = []
        for case let path as String in manager.enumerator(atPath: directory) ?? .init() {
            let type = try manager.attributesOfItem(atPath: "\(directory)/\(path)")[.type] as? FileAttributeType
            if type == .typeDirectory { found.insert(path) }
        }
        return found
    }

    fileprivate func remove() {
        for path in [directory, programs] { try? FileManager.default.removeItem(atPath: path) }
    }
}

/// Gives a test an installation, and removes it.
///
/// - Parameters:
///   - directories: What is there before it.
///   - body: What is done with it.
/// - Throws: What `body` throws, or a failure to install.
func withInstallation(
    beside directories: [String] = [],
    _ body: @Sendable (Installation) async throws -> Void
) async throws {
    let installation = try Installation()
    defer { installation.remove() }
    for path in directories {
        try FileManager.default.createDirectory(
            atPath: "\(installation.directory)/\(path)",
            withIntermediateDirectories: true
        )
    }
    let run = try await installation.install()
    try #require(run.status == 0, "\(run.output) \(run.talk)")
    try await body(installation)
}

import ClusterDaemon
import ClusterOpsTestKit
import Foundation
import Testing

/// The version, as programs and the change log tell it.
@Suite(.timeLimit(.minutes(15))) struct VersionTests {
    @Test(arguments: ["clusterctl", "queueworker", "netnode"])
    func `a program prints its version, and describes itself in the imperative`(program: String) async throws {
        let path = try BuiltProduct.path(program)
        let version = try await ProgramRun.run(path, ["--version"])
        #expect(version.status == 0 && version.output == "\(ProgramVersion.current)\n" && version.talk == "")
        let help = try await ProgramRun.run(path, ["--help"])
        let verbs = ["Enqueue", "Drain", "Reconcile"]
        #expect(verbs.contains { help.output.hasPrefix("OVERVIEW: \($0) ") }, "\(help.output)")
    }

    @Test func `the change log begins with the version`() throws {
        let log = try String(contentsOfFile: "\(ProgramRun.root)/CHANGELOG.md", encoding: .utf8)
        let first = log.split(separator: "\n").first { $0.hasPrefix("## ") } ?? ""
        #expect(first.hasPrefix("## \(ProgramVersion.current) "), "\(first)")
    }
}

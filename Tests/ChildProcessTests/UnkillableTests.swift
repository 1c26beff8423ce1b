import Foundation
import Testing

@testable import ChildProcess

/// A daemon without privilege whose command becomes root by a setuid program, as sudo does: the kernel refuses the
/// keeper's signals, and the keeper must not wait for ever.
@Suite("What may not be killed", .enabled(if: getuid() == 0, "a setuid program is made by root"))
struct UnkillableTests {
    private let nobody = Credentials(user: 65_534, group: 65_534)

    /// A setuid copy of setpriv: `become` starts a program as root, with real and saved ids too.
    private func withSetuidProgram(_ body: (_ become: String) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            chmod(directory, 0o755)
            let program = "\(directory)/setpriv"
            // By another process: were the copy open for writing here while another test forks, its start would fail with
            // ETXTBSY until that fork has come to its exec.
            let keeper = CommandKeeper(leaseUntil: .now + .seconds(600))
            let install = ChildSpecification(
                executable: "install",
                arguments: ["-m", "4755", "/usr/bin/setpriv", program]
            )
            try #require(try await keeper.run(install, timeout: .seconds(60)).exit.isSuccess)
            try await body("\(program) --reuid 0 --regid 0 --clear-groups")
        }
    }

    @Test("a background process of another user is left, and the result says so")
    func descendant() async throws {
        try await withSetuidProgram { become in
            let script = """
                \(become) sleep 1000 &
                until grep -q '^Uid:.0.0.0' /proc/$!/status; do grep -q '^State:.Z' /proc/$!/status && exit 9; done
                exit 4
                """
            try await Probe.run(["kept", "--", "sh", "-c", script], as: nobody) { probe, mark in
                let exit = try await probe.exit
                #expect(exit == .code(0))
                #expect(probe.standardOutput.text == "ended exit code 4 cause itself, left descendants\n")
                #expect(mark.processes().map(ProcessTable.name) == ["sleep"])
            }
        }
    }

    @Test("a command of another user that outlives its timeout is an error that names its process")
    func command() async throws {
        try await withSetuidProgram { become in
            let options = ["kept", "--timeout-ms", "2000", "--"]
            try await Probe.run(options + ["sh", "-c", "exec \(become) sleep 1000"], as: nobody) { probe, mark in
                let exit = try await probe.exit
                #expect(exit == .code(0))
                let left = try #require(mark.processes().first)
                let failure = "failed sh: process \(left) changed its user and could not be killed\n"
                #expect(probe.standardOutput.text == failure)
            }
        }
    }
}

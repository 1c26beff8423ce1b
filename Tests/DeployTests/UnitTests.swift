import ClusterDaemon
import ClusterOpsTestKit
import Foundation
import Testing

/// The units as systemd reads them; nothing is started.
@Suite(
    .timeLimit(.minutes(15)),
    .enabled("needs systemd-analyze (Debian package systemd)") {
        FileManager.default.isExecutableFile(atPath: "/usr/bin/systemd-analyze")
    }
)
struct UnitTests {
    static let units = ["clusterops-queueworker.service", "clusterops-netnode.service"]

    private func analyze(_ arguments: String...) async throws -> ProgramRun {
        try await ProgramRun.run("/usr/bin/systemd-analyze", arguments, environment: ["SYSTEMD_COLORS": "0"])
    }

    @Test func `systemd has nothing to say against the units, as they are installed`() async throws {
        try await withInstallation { installation in
            for unit in Self.units {
                // The programs are looked for where the unit says; everything else of it is taken as it is installed.
                let path = "\(installation.directory)/usr/lib/systemd/system/\(unit)"
                try String(contentsOfFile: path, encoding: .utf8)
                    .replacing("/usr/bin/", with: "\(installation.directory)/usr/bin/")
                    .write(toFile: path, atomically: false, encoding: .utf8)
                let run = try await analyze("verify", "--man=no", path)
                #expect(run.status == 0 && run.talk == "" && run.output == "", "\(unit): \(run.talk)")
            }
        }
    }

    @Test(arguments: zip(units, [3.0, 6.5]))
    func `a unit is exposed no more than its work needs`(_ unit: String, _ most: Double) async throws {
        let path = "\(ProgramRun.root)/deploy/systemd/\(unit)"
        let run = try await analyze("security", "--offline=true", "--no-pager", path)
        let line = try #require(run.output.split(separator: "\n").last { $0.contains("Overall exposure level") })
        let score = try #require(line.matches(of: /:\s([0-9.]+)\s/).first.flatMap { Double($0.1) })
        print("\(unit): exposure \(score) of 10")
        #expect(score <= most)
    }

    @Test func `queueworker is left no capability, and netnode no mount namespace of its own`() throws {
        let units = try Self.units.map {
            try String(contentsOfFile: "\(ProgramRun.root)/deploy/systemd/\($0)", encoding: .utf8).split(
                separator: "\n"
            )
        }
        #expect(units[0].contains("CapabilityBoundingSet=") && units[0].contains("User=clusterops-queueworker"))
        let separating = [
            "ProtectSystem=", "ProtectHome=", "PrivateTmp=", "PrivateDevices=", "PrivateMounts=", "ReadWritePaths=",
            "ProtectKernel", "ProtectControlGroups=", "ProtectHostname=", "ProtectProc=", "ProcSubset=",
            "PrivateUsers=",
            "RootDirectory=", "InaccessiblePaths=", "ReadOnlyPaths=", "TemporaryFileSystem=", "DynamicUser=",
        ]
        for line in units[1] { #expect(!separating.contains { line.hasPrefix($0) }, "\(line)") }
        // Without it nothing of what changes in other namespaces is heard; `deploy/test-units` shows that.
        #expect(units[1].contains { $0.hasPrefix("CapabilityBoundingSet=") && $0.contains("CAP_NET_BROADCAST") })
        for unit in units {
            #expect(unit.contains("KillMode=mixed") && unit.contains("RestartPreventExitStatus=64"))
            #expect(unit.contains("Type=notify") && unit.contains("WatchdogSec=30s"))
            #expect(unit.contains("LimitNOFILE=65536"))
            // A command or a server that the kernel kills takes no daemon with it; a core would hold the password.
            #expect(unit.contains("OOMPolicy=continue") && unit.contains("LimitCORE=0"))
        }
        #expect(units[0].contains("MemoryMax=50%") && units[0].contains("TasksMax=4096"))
        // Not a file of the daemon's user, whose commands are.
        #expect(units[0].contains("StandardInput=file:/etc/clusterops/queueworker.password"))
        #expect(!units[0].contains { $0.hasPrefix("LoadCredential") })
        #expect(units[1].contains("OOMScoreAdjust=-500"))
        // A running command is waited for: its timeout and what it is given to end.
        #expect(Configuration.CommandTask(command: []).timeout < .seconds(11 * 60 - 15))
        #expect(units[0].contains("TimeoutStopSec=11min"))
    }

    @Test func `the users and directories are what systemd's tools make of their files`() async throws {
        let users = try await ProgramRun.run(
            "systemd-sysusers",
            ["--dry-run", "\(ProgramRun.root)/deploy/sysusers.d/clusterops.conf"]
        )
        #expect(users.status == 0 && (users.output + users.talk).contains("clusterops-queueworker"), "\(users)")
    }
}

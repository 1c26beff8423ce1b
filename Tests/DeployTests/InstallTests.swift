import ClusterDaemon
import ClusterOpsTestKit
import ClusterStore
import Foundation
import Glibc
import Testing

/// `deploy/install` and `deploy/uninstall`, into a directory, with the programs of this build.
@Suite(.timeLimit(.minutes(15))) struct InstallTests {
    @Test func `a second run changes nothing, and what is removed was installed`() async throws {
        try await withInstallation { installation in
            for file in ["queueworker.password", "netnode.password"] {
                let path = "\(installation.directory)/etc/clusterops/\(file)"
                let attributes = try FileManager.default.attributesOfItem(atPath: path)
                #expect(attributes[.posixPermissions] as? Int == 0o600 && attributes[.size] as? Int == 0, "\(file)")
                try "secret\n".write(toFile: path, atomically: false, encoding: .utf8)
            }
            let first = try installation.tree()
            for path in [
                "usr/bin/clusterctl", "usr/bin/queueworker", "usr/bin/netnode", "etc/clusterops/config.yaml",
                "usr/lib/systemd/system/clusterops-netnode.service", "usr/lib/sysusers.d/clusterops.conf",
                "usr/lib/tmpfiles.d/clusterops.conf", "usr/lib/sysctl.d/60-clusterops.conf",
                "usr/share/bash-completion/completions/clusterctl",
                "usr/share/zsh/site-functions/_netnode", "usr/share/fish/vendor_completions.d/queueworker.fish",
                "usr/share/doc/clusterops/commands.md",
                "usr/share/doc/clusterops/operator-guide.md", "usr/share/doc/clusterops/clusterops.cnf",
            ] { #expect(first[path] != nil, "\(path)") }
            let again = try await installation.install()
            #expect(again.status == 0 && again.output == "nothing had to be changed\n", "\(again)")
            #expect(try installation.tree() == first)

            let removed = try await installation.uninstall()
            #expect(removed.status == 0, "\(removed.talk)")
            let kept = try installation.tree()
            #expect(Set(kept.keys) == Set(first.keys.filter { $0.hasPrefix("etc/") }))
            #expect(try await installation.uninstall().output == "", "there is nothing left to remove")
            #expect(try await installation.uninstall("--purge").status == 0)
            #expect(try installation.tree() == [:])
        }
    }

    @Test(.enabled("needs strip (Debian package binutils)") { ProgramRun.has("strip") })
    func `programs are installed without symbols, and run`() async throws {
        try await withInstallation { installation in
            for name in ["clusterctl", "queueworker", "netnode"] {
                let path = "\(installation.directory)/usr/bin/\(name)"
                let symbols = try await ProgramRun.run("/usr/bin/readelf", ["--sections", "--wide", path])
                #expect(symbols.status == 0 && !symbols.output.contains(".symtab"), "\(symbols.talk)")
                #expect(try await ProgramRun.run(path, ["--version"]).output == "\(ProgramVersion.current)\n")
            }
        }
    }

    @Test func `an installed document links to installed files only`() async throws {
        try await withInstallation { installation in
            let pages = try installation.tree().keys.filter { $0.hasSuffix(".md") }
            #expect(pages.count >= 20)
            for page in pages {
                let path = URL(fileURLWithPath: "\(installation.directory)/\(page)")
                let text = try String(contentsOf: path, encoding: .utf8)
                for match in text.matches(of: /\]\(\s*([^)#\s]+)[^)]*\)/) where !match.output.1.contains("://") {
                    let target = path.deletingLastPathComponent().appending(path: match.output.1).standardized.path
                    #expect(FileManager.default.fileExists(atPath: target), "\(page): \(match.output.1)")
                }
            }
        }
    }

    @Test func `directories that others have made stay, also empty ones, and those of the installation go`()
        async throws
    {
        let foreign = ["usr/bin", "usr/lib/sysusers.d", "usr/share/zsh/site-functions", "usr/share/fish"]
        try await withInstallation(beside: foreign) { installation in
            try await installation.install()
            #expect(try await installation.uninstall("--purge").status == 0)
            let left = Set(foreign + ["usr", "usr/lib", "usr/share", "usr/share/zsh"])
            #expect(try installation.directories() == left.union(["etc"]))
        }
        // A tree that was copied elsewhere has made nothing there.
        try await withInstallation { installation in
            let copy = "\(installation.directory).copy"
            defer { try? FileManager.default.removeItem(atPath: copy) }
            try FileManager.default.copyItem(atPath: installation.directory, toPath: copy)
            let script = "\(ProgramRun.root)/deploy/uninstall"
            #expect(try await ProgramRun.run(script, ["--destdir", copy]).status == 0)
            #expect(FileManager.default.fileExists(atPath: "\(copy)/usr/share/zsh/site-functions"))
            #expect(!FileManager.default.fileExists(atPath: "\(copy)/usr/share/doc/clusterops"))
        }
    }

    @Test func `a prefix below which systemd does not look is warned of`() async throws {
        try await withInstallation { installation in
            #expect(try await installation.install("--prefix", "/usr/local").talk == "")
            let run = try await installation.install("--prefix", "/opt/co")
            #expect(run.status == 0 && run.talk.contains("systemd does not look below /opt/co/lib"), "\(run.talk)")
        }
    }

    @Test(.enabled("needs root, for a mount namespace") { geteuid() == 0 })
    func `a machine without systemd-sysusers is told which user it lacks`() async throws {
        try await withInstallation { installation in
            // All other programs, and an /etc that is nobody's.
            let commands = [
                "mount -t tmpfs tmpfs /etc", "mount -t tmpfs tmpfs /mnt", "ln -s /usr/bin/* /mnt",
                "rm /mnt/systemd-sysusers /mnt/systemd-tmpfiles",
                "PATH=/mnt exec \(ProgramRun.root)/deploy/install --from \(installation.programs)"
                    + " --prefix \(installation.directory)/here",
            ]
            let run = try await ProgramRun.run(
                "/usr/bin/unshare",
                ["--mount", "sh", "-c", commands.joined(separator: " && ")]
            )
            #expect(run.status == 0, "\(run.talk)")
            #expect(run.talk.contains("no systemd-sysusers") && run.talk.contains("clusterops-queueworker"))
            #expect(run.talk.contains("no systemd-tmpfiles") && run.talk.contains("/run/clusterops"))
        }
    }

    @Test func `a configuration that is there stays, and a program that was changed is replaced`() async throws {
        try await withInstallation { installation in
            let config = "\(installation.directory)/etc/clusterops/config.yaml"
            let program = "\(installation.directory)/usr/bin/netnode"
            try "node: {name: h9}\n".write(toFile: config, atomically: false, encoding: .utf8)
            try "old".write(toFile: program, atomically: false, encoding: .utf8)
            let run = try await installation.install()
            #expect(run.output == "installed \(program)\n", "\(run)")
            #expect(try String(contentsOfFile: config, encoding: .utf8) == "node: {name: h9}\n")
            #expect(try await ProgramRun.run(program, ["--help"]).status == 0)
        }
    }

    @Test func `a word too much, a directory without programs and a relative prefix are refused`() async throws {
        let script = "\(ProgramRun.root)/deploy/install"
        for (arguments, status) in [
            (["--nonsense"], 64), (["--from"], 64), (["--prefix", "usr"], 64), (["--from", "/nowhere"], 1),
        ] as [([String], Int32)] {
            let run = try await ProgramRun.run(script, arguments + (status == 1 ? ["--destdir", "/nowhere"] : []))
            #expect(run.status == status && !run.talk.isEmpty, "\(arguments): \(run)")
        }
    }

    @Test func `the configuration that is installed is the annotated example, and it loads`() throws {
        let path = "\(ProgramRun.root)/deploy/config.yaml"
        #expect(try String(contentsOfFile: path, encoding: .utf8) == Configuration.annotatedExample)
        #expect(try Configuration.load(path: path, environment: [:]) == Configuration())
    }

    @Test func `a server with the settings of deploy starts, and doctor finds nothing wrong with them`() async throws {
        let file = try String(contentsOfFile: "\(ProgramRun.root)/deploy/mariadb/clusterops.cnf", encoding: .utf8)
        let settings = file.split(separator: "\n").filter { !$0.hasPrefix("#") && !$0.hasPrefix("[") }
        // Not as large as a production's: this machine has other work.
        let options = settings.map { "--" + $0.replacing(" ", with: "").replacing("_", with: "-") }.filter {
            !$0.hasPrefix("--innodb-buffer-pool-size") && !$0.hasPrefix("--innodb-log-file-size")
        }
        #expect(options.count >= 12)
        let server = try PrivateServer(options: options)
        defer { server.destroy() }
        try await withCluster(on: server) { cluster in
            let world = RoleWorld(cluster: cluster, server: server)
            let user = try await world.user(.reader)
            let doctor = try await world.clusterctl(as: user, "doctor -o json")
            let settings = try #require(doctor.split(separator: "\"check\" : \"settings\"").last?.prefix(200))
            #expect(settings.contains("\"state\" : \"ok\""), "\(doctor)")
        }
    }
}

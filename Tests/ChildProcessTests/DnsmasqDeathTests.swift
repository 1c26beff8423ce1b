import Foundation
import Testing

@testable import ChildProcess

/// The real dnsmasq, as netnode starts it.
///
/// Needs root, dnsmasq-base and iproute2.
@Suite("dnsmasq dies with its daemon", .serialized, .enabled(if: getuid() == 0, "namespaces need root"))
struct DnsmasqDeathTests {
    private static let nobody = "65534"

    private struct World {
        let namespace: String
        let directory: String
        var namespacePath: String { "/run/netns/\(namespace)" }

        /// Writes no pid file and reads no configuration of the machine's own.
        ///
        /// The log is a file of the test's: dnsmasq started as root gives its log file to its own user, and /dev/null
        /// would be given away for the whole machine.
        var dnsmasq: [String] {
            [
                "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--no-resolv", "--no-hosts",
                "--interface=gw0", "--bind-interfaces", "--dhcp-authoritative", "--no-ping",
                "--log-facility=\(directory)/log",
                "--dhcp-range=10.77.0.10,10.77.0.100,255.255.255.0,1h", "--dhcp-leasefile=\(directory)/leases",
            ]
        }
    }

    private func withWorld(_ body: (World) async throws -> Void) async throws {
        let keeper = CommandKeeper(leaseUntil: .now + .seconds(600))
        func ip(_ words: String...) async throws {
            let result = try await keeper.run(
                ChildSpecification(
                    executable: "ip",
                    arguments: words,
                    standardError: .collect(limit: 1000, keeping: .tail)
                ),
                timeout: .seconds(60)
            )
            try #require(result.exit.isSuccess, "ip \(words): \(result.standardError.text)")
        }
        try await withTemporaryDirectory { directory in
            chmod(directory, 0o777)
            let world = World(namespace: "cotest-cs-\(UUID().uuidString.prefix(8))", directory: directory)
            try await ip("netns", "add", world.namespace)
            let result: Result<Void, any Error>
            do {
                try await ip("-n", world.namespace, "link", "set", "lo", "up")
                try await ip("-n", world.namespace, "link", "add", "gw0", "type", "bridge")
                try await ip("-n", world.namespace, "address", "add", "10.77.0.1/24", "dev", "gw0")
                try await ip("-n", world.namespace, "link", "set", "gw0", "up")
                result = .success(try await body(world))
            } catch {
                result = .failure(error)
            }
            try await ip("netns", "delete", world.namespace)
            try result.get()
        }
    }

    /// Whether someone in the process's network namespace has UDP port 67 bound.
    private func answersDHCP(_ pid: pid_t) -> Bool {
        let table = FileManager.default.contents(atPath: "/proc/\(pid)/net/udp") ?? Data()
        return String(decoding: table, as: UTF8.self).contains(":0043 ")
    }

    private func dnsmasq(_ mark: Mark) -> pid_t? {
        mark.processes().first { ProcessTable.name($0) == "dnsmasq" }
    }

    private func probe(
        _ world: World,
        _ options: [String],
        _ body: (SupervisedChild, Mark) async throws -> Void
    ) async throws {
        let arguments = ["direct", "--netns", world.namespacePath] + options + ["--"] + world.dnsmasq
        try await Probe.run(arguments, body)
    }

    @Test("a serving dnsmasq, started as its final user, dies by kill -9 of its daemon, 100 of 100")
    func serving() async throws {
        try await withWorld { world in
            var gone = 0
            for turn in 0..<100 {
                try await probe(world, ["--process-namespace", "--dnsmasq-user", Self.nobody]) { probe, mark in
                    #expect(try await eventually { dnsmasq(mark).map(answersDHCP) ?? false }, "turn \(turn): it serves")
                    let server = try #require(dnsmasq(mark))
                    #expect(ProcessTable.status(server, "Uid") == "65534\t65534\t65534\t65534")
                    #expect(ProcessTable.status(server, "Gid") == "65534\t65534\t65534\t65534")
                    #expect(ProcessTable.status(server, "Groups") == "")
                    #expect(ProcessTable.status(server, "CapAmb") == "0000000000003400")
                    #expect(ProcessTable.status(server, "CapPrm") == "0000000000003400")
                    probe.signal(SIGKILL)
                    #expect(try await probe.exit == .signal(SIGKILL))
                    if try await mark.allGone() { gone += 1 }
                }
            }
            #expect(gone == 100)
            print("daemon killed while dnsmasq served: \(gone) of 100 dnsmasq gone")
        }
    }

    @Test(
        "so does one that is just being started, or has just been, 100 of 100 within 5 ms",
        arguments: ["--die-after-us", "--die-after-start-us"]
    )
    func starting(option: String) async throws {
        try await withWorld { world in
            var gone = 0
            var begun = 0
            for turn in 0..<100 {
                let options = ["--process-namespace", "--dnsmasq-user", Self.nobody, option, "\(turn * 50)"]
                try await probe(world, options) { probe, mark in
                    #expect(try await probe.exit == .signal(SIGKILL))
                    if probe.standardOutput.text.hasPrefix("pid ") { begun += 1 }
                    if try await mark.allGone() { gone += 1 }
                }
            }
            #expect(gone == 100)
            // Counted from the call, how many get as far as dnsmasq depends on the machine's load; from its start, all do.
            if option == "--die-after-start-us" { #expect(begun == 100) }
            print("daemon killed, \(option) 0 to 5000: \(gone) of 100 dnsmasq gone, \(begun) had begun")
        }
    }

    @Test("a daemon without the right to kill starts nobody as another user, because nobody would die with it")
    func rightToKill() async throws {
        // What it takes to start one: setgid, setuid, and what dnsmasq gets; and the right in question.
        let rights: Set<Capability> = [
            Capability(number: 6), Capability(number: 7), .netBindService, .netAdmin, .netRaw,
        ]
        let options = ["direct", "--dnsmasq-user", Self.nobody, "--", "sleep", "1000"]
        let daemon = Credentials(user: 12_345, group: 12_345, capabilities: rights)
        try await Probe.run(options, as: daemon) { probe, mark in
            let end = try await eventually { probe.exitIfEnded != nil || probe.standardOutput.text.contains("pid ") }
            #expect(end)
            #expect(!probe.standardOutput.text.contains("pid "))
            let isGone = try await mark.allGone()
            #expect(isGone)
        }
        var killer = daemon
        killer.capabilities.insert(Capability(number: 5))
        try await Probe.run(options, as: killer) { probe, mark in
            let runs = try await eventually { mark.processes().map(ProcessTable.name).contains("sleep") }
            #expect(runs)
            probe.signal(SIGKILL)
            let exit = try await probe.exit
            #expect(exit == .signal(SIGKILL))
            let isGone = try await mark.allGone()
            #expect(isGone)
        }
    }

    @Test("control: a dnsmasq that drops root by itself survives, so the tests above can fail")
    func control() async throws {
        try await withWorld { world in
            try await probe(world, []) { probe, mark in
                // It binds its ports first and drops root then; it is the dropping that loses the signal.
                let ready = try await eventually {
                    guard let server = dnsmasq(mark) else { return false }
                    return answersDHCP(server) && ProcessTable.status(server, "Uid")?.hasPrefix("0") == false
                }
                #expect(ready)
                let server = try #require(dnsmasq(mark))
                probe.signal(SIGKILL)
                #expect(try await probe.exit == .signal(SIGKILL))
                #expect(ProcessTable.lives(server))
            }
        }
    }
}

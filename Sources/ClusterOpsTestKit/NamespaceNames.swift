import Foundation

/// The network namespaces of one test: they carry the number of the process that made them, so that a later run knows
/// those whose owner was killed.
struct NamespaceNames: Sendable {
    private static let directory = "/run/netns"

    private let prefix = "cotest-\(getpid())-\(String(UInt32.random(in: .min ... .max), radix: 36))"
    /// In the order in which they were made.
    private let made = Locked<[String]>([])

    var underlay: String { "\(prefix)-u" }
    func host(_ number: Int) -> String { "\(prefix)-h\(number)" }
    func guest(_ number: Int) -> String { "\(prefix)-g\(number)" }
    /// Returns the beginning of the names of the namespaces that a host itself makes; a VNI follows.
    static func prefix(within host: String) -> String { "\(host)-" }

    /// Makes a namespace with the kernel's own settings, which are Debian's too: IPv6, no reverse path filter.
    func make(_ name: String) async throws {
        // Before it is there: a cancelled test must not forget one that was just made.
        made.update { $0.append(name) }
        try await HostTool.run("ip", ["netns", "add", name])
        try await HostTool.run("ip", ["-n", name, "link", "set", "dev", "lo", "up"])
    }

    /// Makes the namespace of a host with the settings that Debian has, whatever those of this machine are.
    func makeHost(_ name: String) async throws {
        try await make(name)
        let settings = ["all", "default"].flatMap { scope in
            [
                "net.ipv4.conf.\(scope).rp_filter=0", "net.ipv6.conf.\(scope).accept_ra=1",
                "net.ipv6.conf.\(scope).disable_ipv6=0",
            ]
        }
        try await HostTool.run("sysctl", ["-q", "-w"] + settings, namespace: name)
    }

    /// Makes a namespace whose devices are silent, as they would not be with IPv6, but for one gratuitous ARP.
    func makeSilent(_ name: String) async throws {
        try await make(name)
        try await HostTool.run(
            "sysctl",
            [
                "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1",
                "net.ipv4.conf.all.arp_notify=1", "net.ipv4.conf.default.arp_notify=1",
            ],
            namespace: name
        )
    }

    /// Removes all that were made, the last one first.
    ///
    /// By system calls, as `ip netns del` does it: they also work in a test that was cancelled.
    ///
    /// - Throws: The first failure; the others are removed all the same.
    func removeAll() throws {
        let names = made.update { names in
            defer { names = [] }
            return names
        }
        // Those that hosts have made are known by their names only.
        let present = (try? FileManager.default.contentsOfDirectory(atPath: Self.directory)) ?? []
        let inner = present.filter { name in names.contains { name.hasPrefix(Self.prefix(within: $0)) } }
        let failures = (inner + names.reversed()).compactMap(Self.remove)
        if let failure = failures.first { throw failure }
    }

    /// Removes a namespace by its name, with all that is in it as soon as nothing runs there.
    private static func remove(_ name: String) -> HostTool.Failure? {
        let path = "\(directory)/\(name)"
        // A name that was never mounted is a file of its own.
        if umount2(path, Int32(MNT_DETACH)) != 0, errno != EINVAL, errno != ENOENT {
            return HostTool.Failure(description: "cannot unmount \(path): errno \(errno)")
        }
        if unlink(path) != 0, errno != ENOENT {
            return HostTool.Failure(description: "cannot remove \(path): errno \(errno)")
        }
        return nil
    }

    /// The directories in which tests on namespaces keep files, under names that begin with a namespace's; and that in
    /// which netnode locks prefixes.
    private static let places = ["/tmp": "", "/run/clusterops": "namespaces-"]

    /// Removes the files whose names begin with those of hosts of a process.
    private static func removeFiles(where isGone: (Int32) -> Bool) {
        for (place, lead) in places {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? [] {
                guard name.hasPrefix(lead), let match = name.dropFirst(lead.count).prefixMatch(of: /cotest-([0-9]+)-/),
                    let owner = Int32(match.1), isGone(owner)
                else { continue }
                // Two sweeps at once: one of them finds it gone.
                try? FileManager.default.removeItem(atPath: "\(place)/\(name)")
            }
        }
    }

    /// Removes the namespaces, and the files that go with them, of test runs that are gone.
    static func sweep() {
        removeFiles { !isAlive($0) }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        for name in names {
            // Two sweeps at once: one of them finds the namespace gone.
            if let owner = owner(of: name), !isAlive(owner) { _ = remove(name) }
        }
    }

    /// The process that made a namespace; nil when the name is not wholly one of ours.
    static func owner(of name: String) -> Int32? {
        guard let match = name.wholeMatch(of: /cotest-([0-9]+)-[0-9a-z]+-(?:u|[hg][0-9]+(?:-[0-9]+)?)/) else {
            return nil
        }
        return Int32(match.1)
    }

    /// Returns whether a process runs; a zombie does not, and lasts where the first process does not reap.
    private static func isAlive(_ process: Int32) -> Bool {
        guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let state = stat.split(separator: ")").last?.split(separator: " ").first
        else { return false }
        return state != "Z" && state != "X"
    }
}

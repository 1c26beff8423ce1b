import ChildProcess
import ClusterModel
import ClusterStore
import NetNode
import Testing

@Suite struct ServerFilesTests {
    static func wanted(
        cidr: String = "10.9.0.0/24",
        domain: String? = "guests.example",
        dhcp: Bool = true,
        dns: Bool = true,
        gateway: Bool = true,
        mtu: Int = 1450,
        hosts: [(mac: String, address: String, name: String)] = []
    ) throws -> ServerWanted {
        ServerWanted(
            id: NetworkID.new(),
            name: try NetworkName("blue"),
            vni: try VNI(100),
            cidr: try CIDR(cidr),
            mtu: try MTU(mtu),
            domain: try domain.map { try DomainName($0) },
            servesDHCP: dhcp,
            servesDNS: dns,
            givesGateway: gateway,
            generation: 7,
            hosts: try hosts.map {
                ServerWanted.Host(
                    mac: try MACAddress($0.mac),
                    address: try IPv4Address($0.address),
                    hostname: try HostName($0.name)
                )
            }
        )
    }

    static let probe = "06:01:02:03:04:05"
    private let paths: ServerPaths
    private let probe: MACAddress
    init() throws {
        paths = try ServerPaths(directory: "/run/x/100")
        probe = try MACAddress(Self.probe)
    }

    private func lines(_ wanted: ServerWanted) -> [String] {
        ServerFiles(wanted, at: paths, probe: probe).configuration.split(separator: "\n").map(String.init)
    }

    @Test func `a network's three files, to the letter`() throws {
        let hosts = [
            ("02:00:00:00:00:0c", "10.9.0.112", "guest-12"), ("02:00:00:00:00:0b", "10.9.0.11", "guest-11"),
        ]
        let files = ServerFiles(try Self.wanted(hosts: hosts), at: paths, probe: probe)
        #expect(
            files.configuration == """
                # Network 100, written by netnode: what is changed here by hand is written over.
                keep-in-foreground
                pid-file=
                log-facility=-
                no-resolv
                no-hosts
                bind-interfaces
                interface=gw0
                except-interface=lo
                addn-hosts=/run/x/100/names
                dhcp-authoritative
                no-ping
                dhcp-ignore-names
                dhcp-range=10.9.0.0,static,255.255.255.0,1h
                dhcp-lease-max=254
                dhcp-leasefile=/run/x/100/leases
                dhcp-hostsfile=/run/x/100/hosts
                dhcp-option=3,10.9.0.1
                dhcp-option=6,10.9.0.1
                dhcp-option=15,guests.example
                dhcp-option=26,1450
                domain-needed
                bogus-priv
                stop-dns-rebind
                local=/#/
                domain=guests.example
                local=/guests.example/

                """
        )
        #expect(
            files.hosts == """
                02:00:00:00:00:0b,id:*,10.9.0.11,guest-11
                02:00:00:00:00:0c,id:*,10.9.0.112,guest-12
                06:01:02:03:04:05,10.9.0.0

                """
        )
        #expect(
            files.names == """
                10.9.0.11 guest-11.guests.example guest-11
                10.9.0.112 guest-12.guests.example guest-12

                """
        )
    }

    @Test(
        arguments: [
            ("10.8.0.0/16", "10.8.0.0,static,255.255.0.0,1h", 65_534, "10.8.0.1"),
            ("10.9.0.4/30", "10.9.0.4,static,255.255.255.252,1h", 2, "10.9.0.5"),
        ]
    )
    func `the range, the leases and the router follow the CIDR`(
        cidr: String,
        range: String,
        leases: Int,
        router: String
    ) throws {
        let lines = lines(try Self.wanted(cidr: cidr))
        for line in ["dhcp-range=\(range)", "dhcp-lease-max=\(leases)", "dhcp-option=3,\(router)"] {
            #expect(lines.contains(line), "\(line) in \(lines)")
        }
    }

    @Test func `a default route is given where it is wanted, and is no default of dnsmasq's where it is not`() throws {
        #expect(lines(try Self.wanted()).filter { $0.hasPrefix("dhcp-option=3") } == ["dhcp-option=3,10.9.0.1"])
        #expect(lines(try Self.wanted(gateway: false)).filter { $0.hasPrefix("dhcp-option=3") } == ["dhcp-option=3"])
    }

    @Test func `a network without DHCP has no line of it, one without DNS has port 0 and no option of it`() throws {
        let withoutDHCP = lines(try Self.wanted(dhcp: false))
        #expect(!withoutDHCP.contains { $0.hasPrefix("dhcp") } && !withoutDHCP.contains("port=0"))
        #expect(withoutDHCP.contains("local=/guests.example/"))
        let withoutDNS = lines(try Self.wanted(dns: false))
        #expect(withoutDNS.contains("port=0") && !withoutDNS.contains { $0.hasPrefix("dhcp-option=6") })
        #expect(try Self.wanted(dhcp: false).isNeeded && Self.wanted(dns: false).isNeeded)
        #expect(try !Self.wanted(dhcp: false, dns: false).isNeeded)
        // Without upstream servers, other names do not exist; with one, it knows.
        #expect(withoutDHCP.contains("local=/#/") && !withoutDNS.contains("local=/#/"))
        let servers = UpstreamServers([try IPv4Address("192.0.2.53")])
        let upstream = ServerFiles(try Self.wanted(), at: paths, upstream: servers, probe: probe)
        #expect(!upstream.configuration.contains("local=/#/") && upstream.configuration.contains("server=192.0.2.53"))
    }

    @Test func `a network without a domain names its guests by one label`() throws {
        let wanted = try Self.wanted(domain: nil, hosts: [("02:00:00:00:00:0b", "10.9.0.11", "a")])
        #expect(ServerFiles(wanted, at: paths, probe: probe).names == "10.9.0.11 a\n")
        #expect(
            !lines(wanted).contains {
                $0.contains("domain=") || $0.contains("local=/g") || $0.hasPrefix("dhcp-option=15")
            }
        )
    }

    /// dnsmasq would take these for a command or a lease time.
    @Test(arguments: ["ignore", "infinite", "90", "2h", "0s", "1w", "7d", "15m"])
    func `a host name that dnsmasq reads as something else is in names only`(name: String) throws {
        let files = ServerFiles(
            try Self.wanted(domain: nil, hosts: [("02:00:00:00:00:0b", "10.9.0.11", name)]),
            at: paths,
            probe: probe
        )
        #expect(files.hosts.hasPrefix("02:00:00:00:00:0b,id:*,10.9.0.11\n") && files.names == "10.9.0.11 \(name)\n")
    }

    @Test(arguments: ["2hx", "ignored", "web1", "h2", "1-2"])
    func `other host names are in both`(name: String) throws {
        let files = ServerFiles(
            try Self.wanted(domain: nil, hosts: [("02:00:00:00:00:0b", "10.9.0.11", name)]),
            at: paths,
            probe: probe
        )
        #expect(files.hosts.hasPrefix("02:00:00:00:00:0b,id:*,10.9.0.11,\(name)\n"))
    }

    /// The types refuse them, so that no renderer needs to think of it.
    @Test(
        arguments: [
            "a\ndhcp-range=10.0.0.0,10.0.0.9", "a,ignore", "a b", "a#b", "a\u{0}", "a\r", "set:x", "a;b", "a/b", "ü",
            "",
        ]
    )
    func `no name brings a line or a field of its own`(text: String) {
        #expect(throws: ValueError.self) { try HostName(text) }
        #expect(throws: ValueError.self) { try DomainName(text) }
    }

    @Test(arguments: ["/run/a b", "/run/a,b", "/run/a#b", "/run/a\nuser=root", "run", "/run/\"a", "/run/ü"])
    func `a directory that dnsmasq would misread is refused`(directory: String) {
        #expect(throws: ServerPathError.self) { try ServerPaths(directory: directory) }
    }

    @Test func `rows make one value for each network, its guests by address, also one without any`() throws {
        func row(_ network: NetworkID, _ vni: Int, _ address: String?) throws -> ServerStatements.Row {
            ServerStatements.Row(
                network: network,
                name: try NetworkName("n\(vni)"),
                vni: try VNI(vni),
                cidr: try CIDR("10.9.0.0/24"),
                mtu: try MTU(1450),
                domain: nil,
                dhcp: true,
                dns: false,
                generation: 3,
                guest: try address.map {
                    ServerStatements.Row.Guest(
                        mac: try MACAddress("02:00:00:00:00:\($0.suffix(1))1"),
                        address: try IPv4Address($0),
                        hostname: try HostName("g\($0.suffix(1))")
                    )
                }
            )
        }
        let (blue, green) = (NetworkID.new(), NetworkID.new())
        let all = ServerWanted.all(
            in: [try row(green, 200, nil), try row(blue, 100, "10.9.0.12"), try row(blue, 100, "10.9.0.9")]
        )
        #expect(all.map(\.id) == [blue, green] && all.map(\.generation) == [3, 3])
        #expect(all[0].hosts.map(\.address.description) == ["10.9.0.9", "10.9.0.12"] && all[1].hosts.isEmpty)
        #expect(all[0].servesDHCP && !all[0].servesDNS)
    }

    @Test func `a log tells how often the files were read, whatever was written before`() throws {
        func output(_ text: String, of total: Int? = nil) -> CollectedOutput {
            CollectedOutput(bytes: Array(text.utf8), total: total ?? text.utf8.count)
        }
        let hosts = "dnsmasq-dhcp[7]: read /run/x/100/hosts\n"
        let names = "dnsmasq[7]: read /run/x/100/names - 2 names\n"
        let others = "dnsmasq[7]: read /run/x/100/names.new - 2 names\ndnsmasq-dhcp[7]: read /run/x/100/hosts2\n"
        var log = ServerLog(paths, after: output(hosts + names))
        log.read(output(hosts + names))
        #expect(log.hostsReads == 0 && log.namesReads == 0)
        log.read(output(hosts + names + names + others + hosts.dropLast(1)))
        #expect(log.hostsReads == 0 && log.namesReads == 1)
        // The tail has lost its beginning by now.
        let total = (hosts + names + names + others + hosts + hosts).utf8.count
        log.read(output("x\n" + hosts + hosts, of: total))
        #expect(log.hostsReads == 2 && log.namesReads == 1)
    }

    @Test func `a log tells that a file was not there, so that nobody waits for it to be read`() throws {
        func hasMissed(_ text: String) -> Bool {
            var log = ServerLog(paths, after: nil)
            log.read(CollectedOutput(bytes: Array(text.utf8), total: text.utf8.count))
            return log.hasMissed
        }
        #expect(hasMissed("dnsmasq[7]: cannot read /run/x/100/hosts: No such file or directory\n"))
        #expect(hasMissed("dnsmasq[7]: failed to load names from /run/x/100/names: No such file or directory\n"))
        #expect(!hasMissed("dnsmasq[7]: read /run/x/100/names - 2 names\ndnsmasq[7]: cannot read /else: x\n"))
    }
}

import ChildProcess
import ClusterModel
import ClusterStore
import Testing

@testable import NetNode

@Suite struct DHCPEventTests {
    private let (mac, other): (MACAddress, MACAddress)
    private let address: IPv4Address
    private let start = ContinuousClock.now

    init() throws {
        (mac, other) = (try MACAddress("02:00:00:00:00:0b"), try MACAddress("02:00:00:00:00:0c"))
        address = try IPv4Address("10.9.0.11")
    }

    private func event(_ message: String) -> DHCPEvent? {
        DHCPEvent(logLine: "dnsmasq-dhcp[7]: \(message)") { $0 == mac }
    }

    @Test func `dnsmasq's lines become events`() {
        #expect(event("DHCPOFFER(gw0) 10.9.0.11 02:00:00:00:00:0b ") == DHCPEvent(.offer, mac, address))
        #expect(
            event("DHCPACK(gw0) 10.9.0.11 02:00:00:00:00:0b web-1")
                == DHCPEvent(.acknowledgement, mac, address, detail: "web-1")
        )
        #expect(
            event("DHCPNAK(gw0) 10.9.0.11 02:00:00:00:00:0c wrong address")
                == DHCPEvent(.refusal, other, address, detail: "wrong address")
        )
        #expect(event("DHCPDECLINE(gw0) 10.9.0.11 02:00:00:00:00:0b ") == DHCPEvent(.decline, mac, address))
        #expect(event("DHCPRELEASE(gw0) 10.9.0.11 02:00:00:00:00:0b") == DHCPEvent(.release, mac, address))
        for (text, kind) in [("02:00:00:00:00:0c", DHCPEventKind.unknownClient), ("02:00:00:00:00:0b", .noAddress)] {
            let found = event("DHCPDISCOVER(gw0) \(text) no address available")
            #expect(found?.kind == kind && found?.address == nil && found?.detail == "no address available")
            #expect(event("DHCPDISCOVER(gw0) 10.9.0.9 \(text) no address available")?.kind == kind)
        }
    }

    @Test(
        arguments: [
            "DHCPDISCOVER(gw0) 02:00:00:00:00:0b ", "DHCPREQUEST(gw0) 10.9.0.11 02:00:00:00:00:0b ",
            "DHCPNAK(gw0) 10.9.0.11", "DHCPNAK(gw0", "DHCPACK(gw0) 10.9.0.11 06-02:00:00:00:00:0b x", "DHCP",
            "read /run/x/100/hosts", "DHCP, static leases only on 10.9.0.0, lease time 1h",
        ]
    )
    func `other lines are none`(line: String) { #expect(event(line) == nil) }

    @Test func `words of a client cannot drive a terminal, nor make an event of another program's line`() {
        let found = event("DHCPDECLINE(gw0) 10.9.0.11 02:00:00:00:00:0b bad\u{1b}[1m\rnews \"x\"")
        #expect(found?.detail == #"bad\u{1b}[1m\u{d}news \"x\""#)
        #expect(DHCPEvent(logLine: "dnsmasq[7]: DHCPNAK(gw0) 10.9.0.11 \(mac)") { _ in true } == nil)
    }

    // MARK: Lines

    private func output(_ text: String, keeping limit: Int = .max) -> CollectedOutput {
        CollectedOutput(bytes: Array(text.utf8.suffix(limit)), total: text.utf8.count)
    }

    @Test func `lines are read once and whole, and what was dropped is counted and not taken for a line`() {
        var lines = OutputLines(after: nil)
        func next(_ text: String, keeping limit: Int = .max) -> [String] {
            let (next, dropped) = lines.next(in: output(text, keeping: limit))
            return next + (dropped > 0 ? ["\(dropped) dropped"] : [])
        }
        #expect(next("one\ntw") == ["one"])
        #expect(!lines.hasNews(6) && lines.hasNews(7))
        #expect(next("one\ntwo\nthree\nf") == ["two", "three"])
        #expect(next("one\ntwo\nthree\nfour\nfive\nsix\n", keeping: 6) == ["six", "7 dropped"])
        lines = OutputLines(after: nil)
        #expect(next("one\ntwo", keeping: 2) == ["5 dropped"])
        #expect(next("one\ntwo\nthree\n") == ["three"])
    }

    // MARK: Limits

    @Test func `each kind of a client is told once a minute, up to a bound, and the rest is counted`() throws {
        var limiter = DHCPEventLimiter()
        let (vni, elsewhere) = (try VNI(100), try VNI(101))
        func admits(_ event: DHCPEvent, _ vni: VNI, _ seconds: Int) -> Bool {
            limiter.admits(event, of: vni, at: start + .seconds(seconds))
        }
        let refusal = DHCPEvent(.refusal, mac, address)
        #expect(admits(refusal, vni, 0) && !admits(refusal, vni, 59))
        #expect(admits(DHCPEvent(.decline, mac, address), vni, 1) && admits(DHCPEvent(.refusal, other), vni, 1))
        let many = (0..<1000).map { number in
            let octets = [6, 0, 0, 0, UInt8(number / 256), UInt8(number % 256)] as [UInt8]
            return MACAddress(octets).map { DHCPEvent(.unknownClient, $0) }
        }
        let told = many.count { $0.map { admits($0, vni, 2) } ?? false }
        #expect(told == DHCPEventLimiter.mostNotable - 3)
        #expect(admits(DHCPEvent(.acknowledgement, mac, address), vni, 3), "ordinary ones have a bound of their own")
        #expect(admits(DHCPEvent(.unknownClient, other), elsewhere, 3), "and so has each network")
        let (early, late) = (
            limiter.endIntervals(at: start + .seconds(59)), limiter.endIntervals(at: start + .seconds(60))
        )
        #expect(early == [:] && late == [vni: 1000 - told])
        #expect(admits(refusal, vni, 61))
    }

    // MARK: Declines

    private func guest() throws -> [ServerWanted.Host] {
        [ServerWanted.Host(mac: mac, address: address, hostname: try HostName("a"))]
    }

    @Test func `a decline of a guest or of the probe reloads the server, a flood of them every two seconds`() throws {
        let probe = try MACAddress("06:00:00:00:00:01")
        for (event, isReload) in [
            (DHCPEvent(.decline, mac, address), true), (DHCPEvent(.decline, probe, try IPv4Address("10.9.0.0")), true),
            (DHCPEvent(.decline, other, address), false), (DHCPEvent(.refusal, mac, address), false),
        ] {
            var declined = DeclinedAddresses()
            declined.note(event, hosts: try guest(), probe: probe, at: start)
            let (now, later) = (declined.takeReload(at: start), declined.takeReload(at: start + .seconds(9)))
            #expect(now == isReload && !later, "once is enough")
        }
        var declined = DeclinedAddresses()
        let reloads = try (0..<100).count { number in
            let now = start + .milliseconds(100 * number)
            declined.note(DHCPEvent(.decline, mac, address), hosts: try guest(), probe: probe, at: now)
            return declined.takeReload(at: now)
        }
        #expect(reloads == 5)
    }

    @Test func `a decline is a problem until the guest was well for a minute, or is gone, or for ten minutes`()
        throws
    {
        let probe = try MACAddress("06:00:00:00:00:01")
        var declined = DeclinedAddresses()
        func note(_ kind: DHCPEventKind, _ seconds: Int) throws {
            let now = start + .seconds(seconds)
            declined.note(DHCPEvent(kind, mac, address), hosts: try guest(), probe: probe, at: now)
        }
        let guests = try guest()
        func problem(_ seconds: Int, among hosts: [ServerWanted.Host]? = nil) -> String? {
            declined.problem(among: hosts ?? guests, at: start + .seconds(seconds))
        }
        try note(.acknowledgement, 0)
        #expect(problem(0) == nil)
        try note(.decline, 1)
        #expect(problem(1)?.contains("10.9.0.11 by 02:00:00:00:00:0b;") == true)
        try note(.acknowledgement, 11)
        #expect(problem(12) != nil)
        try note(.decline, 50)
        #expect(problem(620) != nil, "it was acknowledged before, and not since")
        try note(.acknowledgement, 621)
        #expect(problem(622) == nil)
        try note(.decline, 700)
        #expect(problem(1299) != nil && problem(1300) == nil)
        try note(.decline, 1400)
        #expect(problem(1401, among: []) == nil)
        #expect(problem(1402) == nil)
    }

    // MARK: Leases

    @Test func `what is new of a server's leases is written, and what was given back is deleted`() throws {
        let (network, vni) = (NetworkID.new(), try VNI(100))
        let first = LeaseFile.Lease(mac: mac, address: address)
        let second = LeaseFile.Lease(mac: other, address: address)
        let third = LeaseFile.Lease(mac: other, address: try IPv4Address("10.9.0.12"))
        func found(_ pid: Int32, _ ends: [LeaseFile.Lease: UInt64]) -> LeaseBook.Found {
            LeaseBook.Found(network: network, pid: pid, ends: ends)
        }
        var book = LeaseBook()
        func changes(_ next: LeaseBook.Found) -> LeaseBook.Changes {
            defer { book.note(next, of: vni) }
            return book.changes(next, of: vni)
        }
        #expect(changes(found(1, [first: 10, third: 11])).written == [first: 10, third: 11])
        #expect(changes(found(1, [first: 10, third: 11])).isEmpty)
        #expect(changes(found(1, [first: 20, third: 11])) == .init(written: [first: 20]))
        #expect(changes(found(1, [first: 20])) == .init(deleted: [third.address]))
        #expect(changes(found(1, [second: 20])) == .init(written: [second: 20]), "the address's row is written over")
        // A new process knows nothing yet of what guests hold.
        #expect(changes(found(2, [:])).isEmpty)
        #expect(changes(found(2, [first: 30])) == .init(written: [first: 30]))
        book.doubtAll()
        #expect(changes(found(2, [first: 30])) == .init(written: [first: 30]))
        book.doubtAll()
        #expect(changes(found(2, [:])) == .init(deleted: [first.address]), "given back just before")
    }

    @Test func `what a failed write was about is written or deleted by the next one, whatever it was`() throws {
        let (network, vni) = (NetworkID.new(), try VNI(100))
        let first = LeaseFile.Lease(mac: mac, address: address)
        let second = LeaseFile.Lease(mac: other, address: try IPv4Address("10.9.0.12"))
        func found(_ ends: [LeaseFile.Lease: UInt64], _ pid: Int32 = 1) -> LeaseBook.Found {
            LeaseBook.Found(network: network, pid: pid, ends: ends)
        }
        var book = LeaseBook()
        func fail(_ next: LeaseBook.Found) -> LeaseBook.Changes {
            let changes = book.changes(next, of: vni)
            book.begin(changes, from: next, of: vni)
            return changes
        }
        #expect(fail(found([first: 10])) == .init(written: [first: 10]))
        // It was committed, and the lease was given back before anybody knew.
        #expect(fail(found([:])) == .init(deleted: [first.address]))
        book.note(found([:]), of: vni)
        #expect(fail(found([:])).isEmpty)
        book.note(found([first: 10, second: 11]), of: vni)
        #expect(fail(found([second: 11])) == .init(deleted: [first.address]))
        // The deletion was committed, and the guest has the same lease again.
        #expect(fail(found([first: 10, second: 11])) == .init(written: [first: 10]))
        #expect(fail(found([second: 20])) == .init(written: [second: 20], deleted: [first.address]))
        #expect(fail(found([first: 30], 2)) == .init(written: [first: 30]), "another server says nothing of the rest")
    }

    // MARK: MTU

    @Test func `an MTU that the path to some node does not carry is a problem that names both figures`() throws {
        let (near, far) = (try IPv4Address("172.31.200.2"), try IPv4Address("172.31.200.3"))
        func problem(_ mtu: Int, _ carried: [IPv4Address: Int]) throws -> String? {
            UnderlayMTU.problem(
                MeshWanted.Network(
                    id: .new(),
                    name: try NetworkName("blue"),
                    vni: try VNI(100),
                    mtu: try MTU(mtu),
                    generation: 1,
                    local: try IPv4Address("172.31.200.1"),
                    flood: [near, far],
                    guests: [:]
                ),
                carried
            )
        }
        #expect(try problem(1450, [near: 1500, far: 1500]) == nil && problem(1450, [:]) == nil)
        let text = try #require(try problem(1451, [near: 9000, far: 1500]))
        #expect(text.contains("1451") && text.contains("1501") && text.contains("1500") && text.contains("\(far)"))
        #expect(text.contains("1 of 2 nodes") && text.contains("1450 or less"))
    }
}

import ClusterModel
import NetNode
import Testing

@Suite struct ServerPlanTests {
    private let old: ServerFiles
    private let new: ServerFiles
    private let slower: ServerFiles
    private static let host = ("02:00:00:00:00:0b", "10.9.0.11", "guest-11")
    private static let second = ("02:00:00:00:00:0c", "10.9.0.12", "guest-12")

    init() throws {
        let paths = try ServerPaths(directory: "/run/x/100")
        let probe = try MACAddress(ServerFilesTests.probe)
        old = ServerFiles(try ServerFilesTests.wanted(hosts: [Self.host]), at: paths, probe: probe)
        new = ServerFiles(try ServerFilesTests.wanted(hosts: [Self.host, Self.second]), at: paths, probe: probe)
        slower = ServerFiles(try ServerFilesTests.wanted(mtu: 1400, hosts: [Self.host]), at: paths, probe: probe)
    }

    private func child(_ files: ServerFiles, isInPlace: Bool = true) -> ServerPlan.Child {
        ServerPlan.Child(
            configuration: files.configuration,
            hosts: files.hosts,
            names: files.names,
            isInPlace: isInPlace
        )
    }

    private func disk(_ files: ServerFiles) -> ServerPlan.Disk {
        ServerPlan.Disk(
            configuration: Array(files.configuration.utf8),
            hosts: Array(files.hosts.utf8),
            names: Array(files.names.utf8)
        )
    }

    private func plan(
        _ child: ServerPlan.Child?,
        _ disk: ServerPlan.Disk,
        _ wanted: ServerFiles?,
        _ strays: ServerPlan.Strays = .none
    ) -> ServerPlan {
        ServerPlan(child: child, disk: disk, wanted: wanted, strays: strays)
    }

    @Test func `what is as wanted is left alone`() {
        #expect(plan(child(old), disk(old), old) == .nothing)
        #expect(plan(child(old), disk(old), old, .unknown) == .nothing)
        #expect(plan(nil, disk(old), nil) == .nothing)
    }

    @Test func `what is wanted and does not run is started, what is not wanted and runs is stopped`() throws {
        #expect(plan(nil, disk(old), old) == .start)
        #expect(try plan(nil, disk(old), old, strays(1)) == .start)
        #expect(plan(child(old), disk(old), nil) == .stop)
    }

    @Test func `other guests are a reload, another configuration is a restart`() {
        #expect(plan(child(old), disk(old), new) == .reload)
        #expect(plan(child(old), disk(old), slower) == .restart)
        #expect(plan(child(new), disk(new), old) == .reload)
    }

    private func strays(_ count: Int) throws -> ServerPlan.Strays {
        .some(
            try (0..<count).map { number in
                LeaseFile.Lease(
                    mac: try MACAddress("02:00:00:00:00:0c"),
                    address: IPv4Address(rawValue: UInt32(number))
                )
            }
        )
    }

    @Test
    func `a few leases of nobody are ended one by one, many by a restart, and those that may be when a guest goes`()
        throws
    {
        #expect(try plan(child(old), disk(old), old, strays(1)) == .reload)
        #expect(try plan(child(old), disk(old), old, strays(ServerPlan.Strays.mostReleased)) == .reload)
        #expect(try plan(child(old), disk(old), old, strays(ServerPlan.Strays.mostReleased + 1)) == .restart)
        #expect(plan(child(new), disk(new), old, .unknown) == .restart)
        #expect(plan(child(old), disk(old), new, .unknown) == .reload)
    }

    @Test func `files that were changed or lost are written again, also when the child knows better`() {
        let lost = ServerPlan.Disk(configuration: disk(old).configuration, hosts: nil, names: disk(old).names)
        #expect(plan(child(old), lost, old) == .reload)
        #expect(plan(child(old), disk(new), old) == .reload)
        #expect(plan(child(old), disk(slower), old) == .restart)
    }

    @Test func `a child of which nothing certain is known is told again`() {
        let unsure = ServerPlan.Child(configuration: old.configuration, hosts: nil, names: nil, isInPlace: true)
        #expect(plan(unsure, disk(old), old) == .reload)
        #expect(plan(unsure, disk(old), old, .unknown) == .restart)
    }

    @Test func `a child in another namespace than the network's is replaced`() {
        #expect(plan(child(old, isInPlace: false), disk(old), old) == .restart)
    }

    @Test func `only what the file says afterwards is the end of a lease`() throws {
        let none = ServerPlan.Strays.none
        #expect(none.areGone(from: new.hosts, to: old.hosts))
        #expect(try !strays(1).areGone(from: old.hosts, to: new.hosts))
        #expect(!ServerPlan.Strays.unknown.areGone(from: new.hosts, to: old.hosts))
        #expect(!ServerPlan.Strays.unknown.areGone(from: nil, to: old.hosts))
        #expect(ServerPlan.Strays.unknown.areGone(from: old.hosts, to: new.hosts))
    }

    // MARK: Leases

    @Test func `a lease is somebody's by MAC and address together`() throws {
        let file = try LeaseFile(
            """
            1795245071 02:00:00:00:00:0b 10.9.0.11 guest-11 *
            0 02:00:00:00:00:0c 10.9.0.13 * *

            """
        )
        let wanted = try ServerFilesTests.wanted(hosts: [Self.host, Self.second]).hosts
        let stray = LeaseFile.Lease(mac: try MACAddress(Self.second.0), address: try IPv4Address("10.9.0.13"))
        #expect(file.leases.count == 2 && file.strays(among: wanted) == [stray])
        #expect(try LeaseFile("").strays(among: []) == [])
    }

    @Test(
        arguments: [
            "1795245071 02:00:00:00:00:0b 10.9.0.11 guest-11 *", "x 02:00:00:00:00:0b 10.9.0.11 * *\n",
            "1 02:00:00:00:00 10.9.0.11 * *\n", "1 02:00:00:00:00:0b 10.9.0 * *\n", "1 02:00:00:00:00:0b\n",
        ]
    )
    func `a line that is no whole lease is an error`(text: String) {
        #expect(throws: LeaseFileError.self) { try LeaseFile(text) }
    }

    // MARK: Backoff

    @Test func `a server that dies again and again waits longer, up to a limit, and begins anew after a good life`() {
        var backoff = RestartBackoff()
        let delays = (0..<8).map { _ in backoff.delay(afterLifeOf: .seconds(1)) }
        #expect(delays == [0, 1, 2, 4, 8, 16, 30, 30].map { .seconds($0) })
        #expect(backoff.delay(afterLifeOf: .seconds(60)) == .zero)
        #expect(backoff.delay(afterLifeOf: .seconds(59)) == .seconds(1))
    }
}

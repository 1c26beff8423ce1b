import ClusterModel
import Testing

@Suite struct HostPortTests {
    @Test(
        "A host and port is a name or an IPv4 address, a colon and a number",
        arguments: [
            ValueCase.accepted("DB1.example:3306", as: "db1.example:3306"), .accepted("localhost:1"),
            .accepted("10.0.0.1:0"), .accepted("0.0.0.0:65535"),
            .refused(""), .refused("db1"), .refused("db1:"), .refused(":3306"), .refused("db1:65536"),
            .refused("db1:-1"), .refused("db1:+1"), .refused("db1:01"), .refused("db1:a"), .refused("db1: 1"),
            .refused("[::1]:3306"), .refused("::1"), .refused("a:1:2"), .refused("10.0.0:1"), .refused("db_1:1"),
        ]
    )
    func hostPort(row: ValueCase) throws {
        try row.check(HostPort.self)
    }

    @Test("A host without a port gets the default port, where there is one")
    func defaultPort() throws {
        #expect(try HostPort("db1", defaultPort: 3306).description == "db1:3306")
        #expect(try HostPort("db1:3307", defaultPort: 3306).port == 3307)
        #expect(try HostPort("10.0.0.1", defaultPort: 1).host == .address(IPv4Address("10.0.0.1")))
        #expect(throws: ValueError.self) { try HostPort("db1:", defaultPort: 3306) }
    }
}

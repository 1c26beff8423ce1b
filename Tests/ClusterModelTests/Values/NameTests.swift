import ClusterModel
import Testing

@Suite struct NameTests {
    private static let label63 = String(repeating: "a", count: 63)

    static let labels: [ValueCase] = [
        .accepted("a"), .accepted("7"), .accepted("hv1"), .accepted("rack-3-hv1"), .accepted("a--b"),
        .accepted(label63),
        .refused(""), .refused(label63 + "a"), .refused("HV1"), .refused("hv_1"), .refused("hv.1"), .refused("-hv"),
        .refused("hv-"), .refused("-"), .refused(" hv"), .refused("hv\n"), .refused("hv\0"), .refused("hv,1"),
        .refused("hü"), .refused("ｈｖ"), .refused("a\u{301}"), .refused("hv#"), .refused("../x"),
    ]

    @Test("A network name is a lower-case label", arguments: labels)
    func networkName(row: ValueCase) throws {
        try row.check(NetworkName.self)
    }

    @Test(
        "A node name is a lower-case label that no queue name uses",
        arguments: labels + [
            .refused("any"), .refused("networknode"), .refused("hv1-network"), .refused("x-network"),
            .accepted("network"), .accepted("anyone"), .accepted("networknode1"), .accepted("hv1-networks"),
        ]
    )
    func nodeName(row: ValueCase) throws {
        try row.check(NodeName.self)
    }

    @Test(
        "A host name is one label, folded to lower case",
        arguments: [
            ValueCase.accepted("Web-1", as: "web-1"), .accepted("WEB", as: "web"), .accepted("7"), .accepted(label63),
            .refused(""), .refused(label63 + "a"), .refused("web.example"), .refused("-web"), .refused("web-"),
            .refused("web,1"), .refused("web\n"), .refused("web 1"), .refused("web_1"), .refused("\u{212A}elvin"),
            .refused("web#"),
        ]
    )
    func hostName(row: ValueCase) throws {
        try row.check(HostName.self)
    }

    @Test(
        "A domain name is dotted labels, folded to lower case",
        arguments: [
            ValueCase.accepted("internal"), .accepted("Guests.Example", as: "guests.example"), .accepted("1.example"),
            .accepted([label63, label63, label63, String(repeating: "a", count: 61)].joined(separator: ".")),
            .refused([label63, label63, label63, String(repeating: "a", count: 62)].joined(separator: ".")),
            .refused(""), .refused("."), .refused("a."), .refused(".a"), .refused("a..b"), .refused("a.-b"),
            .refused("a_b.c"), .refused("a b"), .refused("a.b\n"), .refused("10.0.0.1"), .refused("example.7"),
            .refused(label63 + "a.example"),
        ]
    )
    func domainName(row: ValueCase) throws {
        try row.check(DomainName.self)
    }

    @Test(
        "A network device has a name that the kernel takes and no tool misreads",
        arguments: [
            ValueCase.accepted("eth0"), .accepted("eth0.12"), .accepted("Bond_0"), .accepted("abcdefghijklmno"),
            .refused("abcdefghijklmnop"), .refused(""), .refused("."), .refused(".."), .refused("-a"),
            .refused("a/b"), .refused("a b"), .refused("eth0:1"), .refused("eth0\n"), .refused("é"),
        ]
    )
    func linkName(row: ValueCase) throws {
        try row.check(LinkName.self)
    }

    @Test(
        "A task name is a letter, then letters, digits and underscores",
        arguments: [
            ValueCase.accepted("a"), .accepted("noop"), .accepted("network_ensure_mesh"), .accepted("a1_"),
            .accepted(label63), .refused(label63 + "a"), .refused(""), .refused("1a"), .refused("_a"),
            .refused("A"), .refused("a-b"), .refused("a.b"), .refused("a b"), .refused("a\n"), .refused("ä"),
        ]
    )
    func taskName(row: ValueCase) throws {
        try row.check(TaskName.self)
    }
}

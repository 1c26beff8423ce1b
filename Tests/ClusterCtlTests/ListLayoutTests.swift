import ClusterReports
import Foundation
import Testing

@testable import DatabaseTime
@testable import clusterctl

/// Every list with the values of a cluster in use, at the widths of people's terminals, held against what `Sessions`
/// has of it.
@Suite(.timeLimit(.minutes(15))) struct ListLayoutTests {
    private static let now = Timestamp(microseconds: 1_772_366_405_250_000)

    private static let lists: [(command: String, columns: [TableColumn], rows: [[String?]])] = [
        (
            "op list", OperationView.columns,
            [
                [
                    "01a22360-ce96-70e8-aa83-2a078425b60a", "complete", "3s", "network_apply_update_dnsmasq", nil,
                    "blue",
                    "networknode-user_facing", "0.008 s", "6",
                ],
                [
                    "01a22360-ce97-71f8-96ad-81979725600d", "executing", "12m", "snapshot_volume", "hv-12", nil,
                    "hv-12-background_high_io", "231.744 s", "1",
                ],
            ]
        ),
        (
            "events", EventView.columns,
            [
                [
                    "2026-03-01T11:59:58.123456Z", "01a22360-ce96-70e8-aa83-2a078425b60a",
                    "network_apply_update_dnsmasq",
                    "started executing defer_count=0 delivery=1 node=hv-12 queue_name=networknode-user_facing "
                        + "wait_seconds=0.008",
                ],
                [
                    "2026-02-28T23:59:58.123456Z", nil, nil,
                    "declined address=10.1.0.5 hostname=web1 mac=52:54:00:00:00:01 network=blue",
                ],
            ]
        ),
        (
            "interface list", InterfaceView.columns,
            [
                [
                    "01a22360-ce96-70e8-aa83-2a078425b60a", "web1", "blue", "hv-12", "10.1.0.5", "02:00:00:64:00:05",
                    "203.0.113.3",
                ],
                [
                    "01a22360-ce97-71f8-96ad-81979725600d", "database-primary-eu-1", "tenant-4711", "hv-12",
                    "10.1.0.106", "02:00:00:64:00:6a", nil,
                ],
            ]
        ),
        (
            "network leases", LeaseView.columns,
            [
                [
                    "10.1.0.106", "02:00:00:64:00:6a", "database-primary-eu-1", "hv-12",
                    "2026-03-01T11:00:05.123456Z", "2026-03-01T23:00:05.123456Z", "hv-3",
                ]
            ]
        ),
        (
            "node list", NodeView.columns,
            [
                ["hv-12", "active", "netnode queueworker", "2s", "192.0.2.12", "hypervisor network", nil],
                [
                    "rack7-hv-003", "draining", nil, "12m", "192.0.2.103", "hypervisor",
                    "12m by root@adm1: disk swap",
                ],
            ]
        ),
        (
            "network list", NetworkView.columns,
            [
                ["blue", "100", "10.1.0.0/24", "1450", "8", "yes", "0"],
                ["tenant-4711-production-frontend", "16700000", "10.192.128.0/20", "8950", "23456", "no", "2"],
            ]
        ),
        (
            "service list", ServiceView.columns,
            [
                [
                    "hv-12", "dnsmasq blue", "running", "123456", "2", "2.3 MiB", "0.1 %", "db1:3306",
                    "unhealthy: it listens neither for DNS nor for DHCP",
                ],
                [
                    "hv-12", "command snapshot_volume 01a22360-ce96-70e8-aa83-2a078425b60a", "running", "123457", "0",
                    "12.3 MiB", "99.9 %", "db1:3306", "healthy",
                ],
            ]
        ),
        (
            "queue list", QueueView.columns,
            [
                ["networknode-user_facing_high_io", "12", "0", "3", "1", "231.744 s", "no"],
                [
                    "hv-12-network-background", "10000+", "0", "0", "0", "3600.1 s",
                    "the disk of hv-12 is being replaced",
                ],
            ]
        ),
        (
            "queue waits", WaitsView.columns,
            [
                ["user_facing", "1000", "0.01 s", "0.02 s", "0.106 s", "21.994 s"],
                ["network_apply_create_network_node", "12", "0.01 s", "0.02 s", "0.106 s", "121.994 s"],
            ]
        ),
        (
            "task list", TaskView.columns,
            [
                ["network_apply_update_dnsmasq", "network", "yes", "8", "60.0 s", nil, nil],
                [
                    "snapshot_volume", nil, "no", "5", "3600.0 s", "hv-1 hv-12 hv-2 hv-3 hv-4 and 7 more",
                    "hv-12: the command /usr/local/bin/snapshot does not exist",
                ],
            ]
        ),
        (
            "coalescing show", CoalescingView.columns,
            [["network_apply_update_dnsmasq", "1234", "567", "89", "578", "has_dependencies=4 not_coalescible=5"]]
        ),
    ]

    private static var file: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Sessions/lists.txt")
    }

    @Test func `every list at 80 and 100 columns is as people are used to see it`() throws {
        let texts = Self.lists.flatMap { list in
            [80, 100].map { (width: Int) -> String in
                "$ clusterctl \(list.command)   # \(width) columns\n"
                    + TextTable(list.columns, rows: list.rows).text(width: width, now: Self.now)
            }
        }
        let shown = texts.joined(separator: "\n")
        #expect(try shown == String(contentsOf: Self.file, encoding: .utf8), "\n\(shown)")
    }

    @Test(arguments: lists.map(\.command))
    func `a name that people know is never left out for a machine's, at whatever width`(command: String) throws {
        let list = try #require(Self.lists.first { $0.command == command })
        let names = list.columns.filter { $0.content == .name }.map(\.title)
        for width in 40...200 {
            let titles = TextTable(list.columns, rows: list.rows).lines(width: width, now: Self.now)[0].text
            #expect(names.allSatisfy(titles.contains), "\(width): \(titles)")
        }
    }
}

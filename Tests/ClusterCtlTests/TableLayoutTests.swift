import ClusterOpsTestKit
import Testing

@testable import DatabaseTime
@testable import clusterctl

/// A table on terminals of every width.
@Suite(.timeLimit(.minutes(15))) struct TableLayoutTests {
    private static let now = Timestamp(microseconds: 1_772_366_405_250_000)

    private static let operations = TextTable(
        ["UUID", "STATE", "AT", .name("TASKS"), .name("NODE"), .name("NETWORK"), .detail("QUEUE"), .detail("WAITED")],
        rows: [
            [
                "01a22360-ce96-70e8-aa83-2a078425b60a", "complete", "2026-03-01T11:59:58.123456Z",
                "network_apply_create_hypervisor", "h2", nil, "h2-network-user_facing", "0.008 s",
            ],
            [
                "01a22360-ce97-71f8-96ad-81979725600d", "executing", "2026-02-28T11:59:58.123456Z",
                "network_apply_delete_hypervisor", "h1", nil, "h1-network-user_facing", nil,
            ],
        ]
    )

    private func lines(_ table: TextTable, _ width: Int?) -> [String] {
        table.lines(width: width, now: Self.now).map(\.text)
    }

    @Test func `where there is room, and off a terminal, everything is there`() {
        let whole = [
            "UUID                                  STATE      AT                           TASKS"
                + "                            NODE  NETWORK  QUEUE                   WAITED",
            "01a22360-ce96-70e8-aa83-2a078425b60a  complete   2026-03-01T11:59:58.123456Z"
                + "  network_apply_create_hypervisor"
                + "  h2    -        h2-network-user_facing  0.008 s",
            "01a22360-ce97-71f8-96ad-81979725600d  executing  2026-02-28T11:59:58.123456Z"
                + "  network_apply_delete_hypervisor"
                + "  h1    -        h1-network-user_facing  -",
        ]
        #expect(lines(Self.operations, nil) == whole)
        #expect(lines(Self.operations, whole[1].count) == whole)
    }

    @Test(arguments: [
        (
            156,
            """
            UUID                                  STATE      AT                           TASK\
            S                            NODE  QUEUE                   WAITED
            01a22360-ce96-70e8-aa83-2a078425b60a  complete   2026-03-01T11:59:58.123456Z  network_ap\
            ply_create_hypervisor  h2    h2-network-user_facing  0.008 s
            01a22360-ce97-71f8-96ad-81979725600d  executing  2026-02-28T11:59:58.123456Z  network_ap\
            ply_delete_hypervisor  h1    h1-network-user_facing  -
            """
        ),
        (
            144,
            """
            UUID                                  STATE      AT UTC          TASK\
            S                            NODE  QUEUE                   WAITED
            01a22360-ce96-70e8-aa83-2a078425b60a  complete   11:59:58        network_apply_create_hy\
            pervisor  h2    h2-network-user_facing  0.008 s
            01a22360-ce97-71f8-96ad-81979725600d  executing  02-28 11:59:58  network_apply_delete_hy\
            pervisor  h1    h1-network-user_facing  -
            """
        ),
        (
            120,
            """
            UUID                STATE      AT UTC          TASKS                            NODE  QU\
            EUE                   WAITED
            01a22360-ce96-70e8  complete   11:59:58        network_apply_create_hypervisor  h2    h2\
            -network-user_facing  0.008 s
            01a22360-ce97-71f8  executing  02-28 11:59:58  network_apply_delete_hypervisor  h1    h1\
            -network-user_facing  -
            """
        ),
        (
            100,
            """
            UUID                STATE      AT UTC          TASKS                            NODE
            01a22360-ce96-70e8  complete   11:59:58        network_apply_create_hypervisor  h2
            01a22360-ce97-71f8  executing  02-28 11:59:58  network_apply_delete_hypervisor  h1
            """
        ),
        (
            80,
            """
            UUID                STATE      AT UTC          TASKS                        NODE
            01a22360-ce96-70e8  complete   11:59:58        network_appl…ate_hypervisor  h2
            01a22360-ce97-71f8  executing  02-28 11:59:58  network_appl…ete_hypervisor  h1
            """
        ),
        (
            40,
            """
            UUID                TASKS           NODE
            01a22360-ce96-70e8  network…rvisor  h2
            01a22360-ce97-71f8  network…rvisor  h1
            """
        ),
        (
            24,
            """
            TASKS               NODE
            net…ate_hypervisor  h2
            net…ete_hypervisor  h1
            """
        ),
    ])
    func `what gives way is what is missed least`(width: Int, text: String) {
        let shown = lines(Self.operations, width)
        #expect(shown == text.split(separator: "\n").map(String.init), "\n\(shown.joined(separator: "\n"))")
    }

    @Test func `a column without a value stays as long as there is room`() {
        #expect(lines(TextTable(["A", "B"], rows: [["x", nil]]), 80) == ["A  B", "x  -"])
        #expect(lines(TextTable(["A", "B"], rows: [["xxxxx", nil]]), 6) == ["A", "xxxxx"])
        // Nothing is known of a column without rows.
        #expect(lines(TextTable(["A", "B"], rows: []), 4) == ["A  B"])
    }

    @Test func `ids are as long as it takes to tell them apart, wherever they stand`() {
        let ids = ["01a22360-ce96-70e8-aa83-2a078425b60a", "01a22360-ce96-70e8-aa83-2a063c462a91"]
        #expect(ShortID.length(of: ids) == 28)
        #expect(ShortID.length(of: [ids[0], ids[0]]) == 18 && ShortID.length(of: []) == 18)
        #expect(ShortID.length(of: [ids[0], String(ids[0].dropLast()) + "b"]) == 36)
        let table = TextTable([.name("SERVICE"), "STATE"], rows: [["command slow \(ids[0])", "running"]])
        #expect(
            lines(table, 45) == ["SERVICE                          STATE", "command slow 01a22360-ce96-70e8  running"]
        )
    }

    @Test func `a sentence goes on in the lines below, up to a limit`() {
        func table(_ words: Int) -> TextTable {
            let health = "unhealthy:" + String(repeating: " it is late", count: words)
            return TextTable(
                [.name("NODE"), .prose("HEALTH"), "PID"],
                rows: [["h1", health, "7"], ["h2", "healthy", "8"]]
            )
        }
        #expect(
            lines(table(3), 33) == [
                "NODE  HEALTH                  PID",
                "h1    unhealthy: it is late   7",
                "      it is late it is late",
                "h2    healthy                 8",
            ]
        )
        let long = lines(table(100), 40)
        #expect(
            long.count == 8 && long[6].hasSuffix("…") && long[7] == "h2    healthy                        8",
            "\(long)"
        )
    }

    @Test func `no line is wider than the terminal, and none ends in spaces`() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            let kinds: [TableColumn] = ["WHOLE", .detail("DETAIL"), .name("NAME"), .prose("PROSE")]
            let columns = (0..<Int.random(in: 1...7, using: &random)).map { _ in
                kinds[Int.random(in: 0...3, using: &random)]
            }
            let rows = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                columns.map { _ -> String? in Self.cell(&random) }
            }
            let table = TextTable(columns, rows: rows)
            for width in [1, 2, 7, 20, 40, 79, 80, 100, 200] {
                let shown = lines(table, width)
                let isSound = shown.allSatisfy { $0.count <= width && !$0.hasSuffix(" ") }
                #expect(isSound, "seed \(seed), width \(width):\n\(shown.joined(separator: "\n"))")
            }
        }
    }

    private static func cell(_ random: inout SeededGenerator) -> String? {
        switch Int.random(in: 0...4, using: &random) {
        case 0: nil
        case 1: "01a22360-ce96-70e8-aa83-2a07\(Int.random(in: 10_000_000...99_999_999, using: &random))"
        case 2: "2026-03-01T11:59:58.123456Z"
        case 3: String(repeating: "word ", count: Int.random(in: 1...40, using: &random)) + "end"
        default: String(repeating: "x", count: Int.random(in: 1...60, using: &random))
        }
    }
}

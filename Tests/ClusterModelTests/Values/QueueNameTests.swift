import ClusterModel
import Testing

@Suite struct QueueNameTests {
    @Test(
        "A lane is one of five names",
        arguments: Lane.allCases.map { ValueCase.accepted($0.rawValue) } + [
            .refused(""), .refused("urgent"), .refused("Background"), .refused("background "),
            .refused("user-facing"),
        ]
    )
    func lane(row: ValueCase) throws {
        try row.check(Lane.self)
    }

    @Test("Lanes compare best first, and user_facing is the default")
    func laneOrder() {
        let names = Lane.allCases.sorted().map(\.rawValue)
        #expect(names == ["user_waiting", "user_facing", "user_facing_high_io", "background", "background_high_io"])
        #expect(Lane.userWaiting < .background)
        #expect(Lane.default == .userFacing)
        #expect(Lane.allCases.map(\.rank) == [0, 1, 2, 3, 4])
    }

    @Test(
        "A queue name is a target and a lane",
        arguments: [
            ValueCase.accepted("networknode-background"), .accepted("any-user_facing_high_io"),
            .accepted("hv1-user_waiting"), .accepted("hv1-network-background_high_io"), .accepted("a-b-c-user_facing"),
            .accepted("network-background"), .accepted("\(String(repeating: "a", count: 63))-network-user_facing"),
            .accepted("\(String(repeating: "a", count: 63))-network-user_facing_high_io"),
            .refused(""), .refused("-"), .refused("background"), .refused("-background"), .refused("hv1-"),
            .refused("hv1"), .refused("hv1-urgent"), .refused("HV1-background"), .refused("hv1_background"),
            .refused("-network-background"), .refused("any-network-background"),
            .refused("networknode-network-background"), .refused("x-network-network-background"),
            .refused("hv1--background"), .refused("\(String(repeating: "a", count: 64))-background"),
            .refused("hv1-background\n"),
        ]
    )
    func queueName(row: ValueCase) throws {
        try row.check(QueueName.self)
    }

    @Test("A queue name gives its target and lane")
    func parts() throws {
        let node = try NodeName("hv1")
        #expect(try QueueName("networknode-background").target == .networkNode)
        #expect(try QueueName("hv1-network-background").target == .nodeNetwork(node))
        #expect(try QueueName("hv1-background").target == .node(node))
        #expect(try QueueName("any-user_facing").target == .any)
        #expect(try QueueName("any-user_facing").lane == .userFacing)
        #expect(QueueName(.nodeNetwork(node), .userWaiting).description == "hv1-network-user_waiting")
    }

    @Test("The longest queue name is as long as it can get")
    func longest() throws {
        let node = try NodeName(String(repeating: "a", count: 63))
        let lengths = Lane.allCases.map { QueueName(.nodeNetwork(node), $0).description.utf8.count }
        #expect(lengths.max() == QueueName.longest)
    }

    @Test("A worker looks into all targets of the best lane first, in the order of its targets")
    func claimOrder() throws {
        let node = try NodeName("hv1")
        let order = QueueName.claimOrder(targets: [.networkNode, .nodeNetwork(node), .node(node), .any])
        #expect(order.count == 20)
        #expect(
            order.prefix(5).map(\.description) == [
                "networknode-user_waiting", "hv1-network-user_waiting", "hv1-user_waiting", "any-user_waiting",
                "networknode-user_facing",
            ]
        )
        #expect(order.last?.description == "any-background_high_io")
        #expect(QueueName.claimOrder(targets: []).isEmpty)
    }

    @Test("Queue names sort by target, and the better lane first")
    func order() throws {
        let names = try ["any-background", "any-user_waiting", "a-background"].map { try QueueName($0) }.sorted()
        #expect(names.map(\.description) == ["a-background", "any-user_waiting", "any-background"])
    }
}

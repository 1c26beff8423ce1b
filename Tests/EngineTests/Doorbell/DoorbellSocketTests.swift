import ClusterOpsTestKit
import Logging
import ServiceLifecycle
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct DoorbellSocketTests {
    private let sender = DoorbellSender(logger: .silent)
    /// Long enough that no test ends by it.
    private let ample = Duration.seconds(60)

    @Test func `a datagram wakes a waiter, also one that waits already`() async throws {
        let doorbell = Doorbell()
        try await withListener(ringing: [doorbell]) { listener, address in
            #expect(sender.ring([address]) == 1)
            #expect(await doorbell.wait(upTo: ample) == .rung)

            async let wake = doorbell.wait(upTo: ample)
            #expect(sender.ring([address]) == 1)
            #expect(await wake == .rung)
            #expect(listener.counts == RingCounts(rings: 2, wakes: 2, malformed: 0))
        }
    }

    @Test func `a datagram rings every doorbell of the process`() async throws {
        let doorbells = [Doorbell(), Doorbell()]
        try await withListener(ringing: doorbells) { _, address in
            sender.ring([address])
            for doorbell in doorbells { #expect(await doorbell.wait(upTo: ample) == .rung) }
        }
    }

    @Test func `a ring that came too early is delivered when the bucket has refilled`() async throws {
        let doorbell = Doorbell()
        // So slow that both datagrams are read before the bucket has refilled.
        let interval = Duration.milliseconds(500)
        let limiter = RingLimiter(burst: 1, perSecond: 2)
        try await withListener(ringing: [doorbell], limiter: limiter) { listener, address in
            let start = ContinuousClock.now
            for _ in 0..<2 { sender.ring([address]) }
            while listener.counts.wakes < 2 { try await yield() }
            #expect(ContinuousClock.now - start >= interval)
            #expect(listener.counts == RingCounts(rings: 2, wakes: 2, malformed: 0))
            #expect(await doorbell.wait(upTo: ample) == .rung)
        }
    }

    @Test func `a flood of 10,000 datagrams causes no more wakes than the limit allows`() async throws {
        let doorbell = Doorbell()
        // Few enough that 10,000 datagrams are a flood also on a machine that takes half a minute for them.
        let (burst, rate) = (20, 10)
        let limiter = RingLimiter(burst: burst, perSecond: rate)
        try await withListener(ringing: [doorbell], limiter: limiter) { listener, address in
            let wakes = Locked(0)
            let start = ContinuousClock.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    while await doorbell.wait(upTo: ample) == .rung { wakes.update { $0 += 1 } }
                }
                let socket = try DatagramSocket()
                for _ in 0..<10_000 {
                    try socket.send(DoorbellDatagram.ring, to: loopback, port: address.port)
                }
                try await drain(listener, address)
                group.cancelAll()
                try await group.waitForAll()
            }
            let elapsed = ContinuousClock.now - start
            let bound = burst + Int(elapsed / (.seconds(1) / rate)) + 1
            let counts = listener.counts
            #expect(counts.wakes <= bound, "\(counts) in \(elapsed)")
            #expect(wakes.value <= counts.wakes)
            #expect(wakes.value >= 1)
            // Without these, too few rings may have arrived to be a flood.
            #expect(counts.rings > 2 * bound, "\(counts) in \(elapsed)")
            #expect(counts.wakes >= burst, "\(counts) in \(elapsed)")
        }
    }

    @Test func `a datagram of any other content wakes nobody and is counted`() async throws {
        let doorbell = Doorbell()
        try await withListener(ringing: [doorbell]) { listener, address in
            let contents: [[UInt8]] = [
                [], [0], [2], [255], [1, 1], [1, 0], Array(repeating: 1, count: 1400),
                Array(repeating: 0, count: 60_000),
            ]
            let socket = try DatagramSocket()
            for content in contents { try socket.send(content, to: loopback, port: address.port) }
            while listener.counts.malformed < contents.count { try await yield() }
            #expect(listener.counts == RingCounts(rings: 0, wakes: 0, malformed: contents.count))
            #expect(await doorbell.wait(upTo: .zero) == .timedOut)
        }
    }

    @Test func `a sender to a closed port harms nobody`() async throws {
        let doorbell = Doorbell()
        var closed: HostPort?
        try await withListener(ringing: []) { _, address in closed = address }
        let gone = try #require(closed)
        try await withListener(ringing: [doorbell]) { _, address in
            for _ in 0..<10 { #expect(sender.ring([gone, address]) == 2) }
            #expect(await doorbell.wait(upTo: ample) == .rung)
        }
    }

    @Test func `names, port 0 and unreachable addresses are passed over`() async throws {
        let doorbell = Doorbell()
        try await withListener(ringing: [doorbell]) { _, address in
            // 255.255.255.255 is refused with EACCES, because the socket did not ask to broadcast.
            let others = try ["localhost:\(address.port)", "127.0.0.1:0", "255.255.255.255:9"].map { try HostPort($0) }
            #expect(sender.ring(others) == 0)
            #expect(sender.ring(others + [address]) == 1)
            #expect(await doorbell.wait(upTo: ample) == .rung)
        }
    }

    @Test func `each address is rung once, and of too many a random choice`() throws {
        let addresses = try (1...100).map { try HostPort("127.0.0.1:\($0)") }
        var generator = SeededGenerator(seed: 1)
        let few = DoorbellSender.choose(from: addresses.prefix(3) + addresses.prefix(3), using: &generator)
        #expect(few.sorted() == addresses.prefix(3).sorted())
        var seen: Set<HostPort> = []
        for _ in 0..<50 {
            let chosen = DoorbellSender.choose(from: addresses, using: &generator)
            #expect(chosen.count == DoorbellSender.mostDatagrams && Set(chosen).count == chosen.count)
            seen.formUnion(chosen)
        }
        #expect(seen == Set(addresses))
    }

    @Test func `the address to tell is the advertised one, else the bound one, never all addresses`() async throws {
        var configuration = DoorbellSettings()
        let underlay = try IPv4Address("127.0.0.9")
        func advertised() async throws -> (HostPort, HostPort) {
            let listener = DoorbellListener(configuration, underlay: underlay, doorbells: [], logger: .silent)
            let told = try await listener.bind()
            let bound = try #require(await listener.boundAddress)
            try await stop(listener)
            return (told, bound)
        }
        var (told, bound) = try await advertised()
        #expect(told == bound && told.host == .address(underlay) && told.port != 0)

        configuration.listen = try HostPort("0.0.0.0:0")
        (told, bound) = try await advertised()
        #expect(bound.description == "0.0.0.0:\(bound.port)")
        #expect(told == HostPort(host: .address(underlay), port: bound.port))

        configuration.advertise = try HostPort("192.0.2.1:4711")
        (told, _) = try await advertised()
        #expect(told.description == "192.0.2.1:4711")
    }

    @Test func `an address that cannot be had is refused with its name, and may be tried again`() async throws {
        try await withListener(ringing: []) { _, address in
            var configuration = DoorbellSettings()
            configuration.listen = address
            let second = listener(configuration)
            for _ in 0..<2 {
                let error = await #expect(throws: ClusterOpsError.self) { try await second.bind() }
                #expect(error?.code == .conflict)
                let reason = "cannot listen for doorbells on \(address): Address already in use; "
                #expect(error?.message.hasPrefix(reason) == true)
            }
        }
        for address in ["192.0.2.1:0", "localhost:0"] {
            var configuration = DoorbellSettings()
            configuration.listen = try HostPort(address)
            let error = await #expect(throws: ClusterOpsError.self) { try await listener(configuration).run() }
            #expect(error?.code == .invalid)
            #expect(error?.message.contains("doorbell.listen") == true)
        }
    }

    private func listener(_ configuration: DoorbellSettings) -> DoorbellListener {
        DoorbellListener(configuration, underlay: loopback, doorbells: [], logger: .silent)
    }

    private let loopback = IPv4Address(rawValue: 0x7f00_0001)

    /// Lends a listener on loopback that runs, and shuts it down gracefully.
    private func withListener(
        ringing doorbells: [Doorbell],
        limiter: RingLimiter = RingLimiter(),
        _ body: (DoorbellListener, HostPort) async throws -> Void
    ) async throws {
        let listener = DoorbellListener(
            DoorbellSettings(),
            underlay: loopback,
            doorbells: doorbells,
            limiter: limiter,
            logger: .silent
        )
        let address = try await listener.bind()
        let group = ServiceGroup(services: [listener], logger: .silent)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await body(listener, address)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    private func stop(_ listener: DoorbellListener) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await listener.run() }
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    /// Returns when the listener has read all that was sent before.
    private func drain(_ listener: DoorbellListener, _ address: HostPort) async throws {
        let socket = try DatagramSocket()
        let malformed = listener.counts.malformed
        // A marker comes after all others in the socket's buffer; it is sent again because a full buffer drops it.
        while listener.counts.malformed == malformed {
            try socket.send([0], to: loopback, port: address.port)
            try await yield()
        }
    }

    /// Lets others run; throws when the time limit of the test is over.
    private func yield() async throws {
        try Task.checkCancellation()
        await Task.yield()
    }
}

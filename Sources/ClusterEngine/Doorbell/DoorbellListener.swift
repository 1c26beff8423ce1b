import ClusterModel
import Glibc
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// Listens for datagrams and rings the doorbells of this process.
///
/// `bind()` gives the address that the session row needs before the workers start; `run()` binds if that was not done,
/// listens until graceful shutdown or cancellation, and closes. Whoever binds must run.
package actor DoorbellListener: Service {
    private enum State {
        case unbound
        case binding
        case bound(any Channel)
        case closed
    }

    /// Room for one byte more than a ring has.
    ///
    /// The kernel cuts off the rest of whatever is longer, and what is left still shows that it was no ring.
    private static let largestDatagram = 2

    private nonisolated let address: HostPort
    private nonisolated let advertisement: HostPort?
    private nonisolated let underlay: IPv4Address
    private nonisolated let doorbells: [Doorbell]
    private nonisolated let limiter: RingLimiter
    private nonisolated let counter = RingHandler.Counter()
    private nonisolated let logger: Logger
    private var state = State.unbound

    /// The address at which it listens; nil before `bind()`.
    package private(set) var boundAddress: HostPort?

    /// Makes a listener; nothing is opened before `bind()` or `run()`.
    ///
    /// - Parameters:
    ///   - configuration: where to listen and what to tell the others.
    ///   - underlay: the node's address, which stands in for what the configuration leaves open.
    ///   - doorbells: what a datagram rings, one doorbell for each loop that waits.
    ///   - logger: told once where it listens.
    package init(
        _ configuration: DoorbellSettings,
        underlay: IPv4Address,
        doorbells: [Doorbell],
        logger: Logger
    ) {
        self.init(configuration, underlay: underlay, doorbells: doorbells, limiter: RingLimiter(), logger: logger)
    }

    package init(
        _ configuration: DoorbellSettings,
        underlay: IPv4Address,
        doorbells: [Doorbell],
        limiter: RingLimiter,
        logger: Logger
    ) {
        address = configuration.listen ?? HostPort(host: .address(underlay), port: 0)
        advertisement = configuration.advertise
        self.underlay = underlay
        self.doorbells = doorbells
        self.limiter = limiter
        self.logger = logger
    }

    /// The counts of the datagrams that have come so far.
    package nonisolated var counts: RingCounts { counter.value }

    /// Opens the socket; datagrams ring from now on.
    ///
    /// - Returns: What to tell the others: `doorbell.advertise` if it is set, else the address that listening gave,
    ///   with the underlay's in place of "all addresses".
    /// - Throws: `ClusterOpsError` when the address cannot be had; it may be tried again.
    @discardableResult
    package func bind() async throws -> HostPort {
        guard case .unbound = state else { preconditionFailure("a doorbell is bound once") }
        state = .binding
        do {
            let channel = try await open()
            let bound = try Self.address(of: channel)
            state = .bound(channel)
            boundAddress = bound
            let advertised = advertised(for: bound)
            logger.info(
                "listening for doorbells",
                metadata: ["address": "\(bound)", "advertised": "\(advertised)"]
            )
            return advertised
        } catch {
            state = .unbound
            throw Self.refusal(error, at: address)
        }
    }

    /// Listens until graceful shutdown or cancellation.
    ///
    /// - Throws: What `bind()` throws, or a `ClusterOpsError` when the socket closed by itself.
    package func run() async throws {
        if case .unbound = state { try await bind() }
        guard case .bound(let channel) = state else { preconditionFailure("a doorbell runs once") }
        await withTaskCancellationOrGracefulShutdownHandler {
            // How it closed does not matter: the socket is gone either way.
            _ = try? await channel.closeFuture.get()
        } onCancelOrGracefulShutdown: {
            channel.close(promise: nil)
        }
        state = .closed
        guard Task.isCancelled || Task.isShuttingDownGracefully else {
            throw ClusterOpsError(.internalFailure, "the socket for doorbells on \(address) closed by itself")
        }
    }

    private nonisolated func open() async throws -> any Channel {
        guard case .address(let host) = address.host else {
            throw ClusterOpsError(.invalid, "doorbell.listen: expected an IPv4 address, found the name \(address.host)")
        }
        let (limiter, doorbells, counter) = (limiter, doorbells, counter)
        return try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.largestDatagram))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = RingHandler(limiter: limiter, doorbells: doorbells, counter: counter)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .bind(host: host.description, port: Int(address.port))
            .get()
    }

    private nonisolated func advertised(for bound: HostPort) -> HostPort {
        if let advertisement { return advertisement }
        let all = HostPort.Host.address(IPv4Address(rawValue: 0))
        return bound.host == all ? HostPort(host: .address(underlay), port: bound.port) : bound
    }

    private static func address(of channel: any Channel) throws -> HostPort {
        guard let local = channel.localAddress, let host = local.ipAddress, let port = local.port else {
            preconditionFailure("a bound socket has an address")
        }
        return try HostPort("\(host):\(port)")
    }

    private static func refusal(_ error: any Error, at address: HostPort) -> ClusterOpsError {
        if let refusal = error as? ClusterOpsError { return refusal }
        let isTaken = (error as? IOError)?.errnoCode == EADDRINUSE
        return ClusterOpsError(
            isTaken ? .conflict : .invalid,
            "cannot listen for doorbells on \(address): \(SocketFailure(error)); "
                + "set doorbell.listen to an address of this machine and a free port"
        )
    }
}

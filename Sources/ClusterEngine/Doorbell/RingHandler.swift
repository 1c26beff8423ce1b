import NIOCore
import Synchronization

/// The counts of the datagrams that have come to a doorbell since it was made.
package struct RingCounts: Sendable, Hashable {
    /// Datagrams that ring.
    package var rings = 0
    /// Times that the doorbells rang for them; fewer when rings came faster than the limit.
    package var wakes = 0
    /// Datagrams of other content, which wake nobody.
    package var malformed = 0

    package static func + (first: RingCounts, second: RingCounts) -> RingCounts {
        RingCounts(
            rings: first.rings + second.rings,
            wakes: first.wakes + second.wakes,
            malformed: first.malformed + second.malformed
        )
    }
}

/// Turns datagrams into rings, on the channel's event loop.
final class RingHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    /// The counts, which others read while the channel runs.
    final class Counter: Sendable {
        private let counts = Mutex(RingCounts())

        var value: RingCounts { counts.withLock { $0 } }

        func add(_ change: (inout RingCounts) -> Void) {
            counts.withLock { change(&$0) }
        }
    }

    private var limiter: RingLimiter
    private let doorbells: [Doorbell]
    private let counter: Counter
    private var owed: Scheduled<Void>?

    init(limiter: RingLimiter, doorbells: [Doorbell], counter: Counter) {
        self.limiter = limiter
        self.doorbells = doorbells
        self.counter = counter
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard DoorbellDatagram.isRing(unwrapInboundIn(data).data.readableBytesView) else {
            return counter.add { $0.malformed += 1 }
        }
        counter.add { $0.rings += 1 }
        perform(limiter.ring(at: .now), on: context.eventLoop)
    }

    func channelInactive(context: ChannelHandlerContext) {
        owed?.cancel()
        context.fireChannelInactive()
    }

    private func perform(_ decision: RingLimiter.Decision, on eventLoop: any EventLoop) {
        switch decision {
        case .covered: break
        case .wake:
            counter.add { $0.wakes += 1 }
            for doorbell in doorbells { doorbell.ring() }
        case .wakeLater(at: let instant):
            owed = eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(ContinuousClock.now.duration(to: instant))) {
                self.perform(self.limiter.due(at: .now), on: eventLoop)
            }
        }
    }
}

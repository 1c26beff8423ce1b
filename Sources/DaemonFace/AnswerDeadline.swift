import NIOCore

/// Closes a connection over which no answer goes for too long, whatever its client does meanwhile.
///
/// A client that sends its request byte by byte, one that sends requests and reads no answers, and one that says
/// nothing are the same to it. It goes by what is written, so that it needs no understanding of what is read.
final class AnswerDeadline: ChannelOutboundHandler, ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny
    typealias OutboundIn = NIOAny

    /// The longest that the first answer may take from the beginning of the connection.
    private let first: TimeAmount
    /// The longest that each further one may take from the one before, the client's pause included.
    private let next: TimeAmount
    private var closing: Scheduled<Void>?

    init(first: TimeAmount, next: TimeAmount) {
        self.first = first
        self.next = next
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { expect(within: first, context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        expect(within: first, context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        closing?.cancel()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        closing?.cancel()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        // While the client takes nothing, what is written to it stays in the channel, and is no answer.
        if context.channel.isWritable { expect(within: next, context) }
        context.write(data, promise: promise)
    }

    private func expect(within time: TimeAmount, _ context: ChannelHandlerContext) {
        closing?.cancel()
        closing = context.eventLoop.assumeIsolated().scheduleTask(in: time) { context.close(promise: nil) }
    }
}

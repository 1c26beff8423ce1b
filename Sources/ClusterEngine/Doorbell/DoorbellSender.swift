import ClusterModel
import Logging

/// Rings the doorbells of other processes, after the COMMIT that made work ready.
///
/// It has no state, so that a daemon and a command that exits at once use it alike: when `ring` returns, the datagrams
/// have left the process. It neither waits nor fails, because a lost ring costs one slow poll.
package struct DoorbellSender: Sendable {
    /// The greatest number of datagrams of a call.
    ///
    /// Of 32 processes chosen at random one has a slot, except where nearly all are full, and those look for more when
    /// they have one again. Waking more would send them all to the database for the same rows.
    package static let mostDatagrams = 32

    private let logger: Logger

    /// Makes a sender.
    ///
    /// - Parameter logger: told at debug level what could not be rung.
    package init(logger: Logger) {
        self.logger = logger
    }

    /// Rings each address once, and of more than `mostDatagrams` addresses that many, chosen at random.
    ///
    /// - Parameter addresses: as the session rows have them; a name is not resolved, because that could wait.
    /// - Returns: How many datagrams the kernel took; whether they arrive is not known.
    @discardableResult
    package func ring(_ addresses: some Sequence<HostPort>) -> Int {
        var generator = SystemRandomNumberGenerator()
        let chosen = Self.choose(from: addresses, using: &generator)
        guard !chosen.isEmpty else { return 0 }
        do throws(DatagramSocket.Errno) {
            let socket = try DatagramSocket()
            return chosen.count { ring($0, through: socket) }
        } catch {
            logger.debug("cannot ring doorbells", metadata: ["reason": "\(error)"])
            return 0
        }
    }

    static func choose(
        from addresses: some Sequence<HostPort>,
        using generator: inout some RandomNumberGenerator
    ) -> [HostPort] {
        let distinct = Set(addresses)
        guard distinct.count > mostDatagrams else { return Array(distinct) }
        // Sorted first, so that a seed gives the same choice in every process.
        return Array(distinct.sorted().shuffled(using: &generator).prefix(mostDatagrams))
    }

    private func ring(_ address: HostPort, through socket: borrowing DatagramSocket) -> Bool {
        guard case .address(let host) = address.host else {
            logger.debug(
                "cannot ring a doorbell",
                metadata: ["address": "\(address)", "reason": "expected an address, found a name"]
            )
            return false
        }
        do throws(DatagramSocket.Errno) {
            try socket.send(DoorbellDatagram.ring, to: host, port: address.port)
            return true
        } catch {
            logger.debug("cannot ring a doorbell", metadata: ["address": "\(address)", "reason": "\(error)"])
            return false
        }
    }
}

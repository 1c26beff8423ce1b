import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterReports
import Foundation

/// A third node, as its peers see it: it asks in every network again and again who the gateway is and who gives
/// addresses, and writes down through whose tunnel each answer comes.
///
/// Gateways have the same addresses on all nodes; the packet around the frame tells them apart. One thread, one socket.
package final class OverlayProbe: Sendable {
    /// A network to ask in.
    package struct Target: Sendable, Hashable {
        /// The network's.
        package let vni: VNI
        let server: IPv4Address
        let guest: IPv4Address
        let mac: MACAddress

        /// - Parameters:
        ///   - vni: the network's.
        ///   - server: the address that is asked for.
        ///   - guest: the address of a guest of the probe's node, which asks.
        ///   - mac: the guest's.
        package init(vni: VNI, server: IPv4Address, guest: IPv4Address, mac: MACAddress) {
            self.vni = vni
            self.server = server
            self.guest = guest
            self.mac = mac
        }
    }

    /// The intervals at which each network is asked; nil asks it never.
    package struct Pace: Sendable {
        /// Between requests for the gateway of one network.
        package let gateway: Duration?
        /// Between requests for an address in one network.
        package let lease: Duration?

        /// - Parameters:
        ///   - gateway: between requests for the gateway.
        ///   - lease: between requests for an address.
        package init(gateway: Duration?, lease: Duration?) {
            self.gateway = gateway
            self.lease = lease
        }
    }

    private struct State {
        var observation = OverlayObservation()
        var isStopped = false
    }

    private static let port: UInt16 = 4789
    /// For bursts of answers while the thread waits for its turn on a busy machine.
    private static let buffer: Int32 = 8 << 20
    /// The time after the last request in which answers are taken.
    private static let lateness: Duration = .milliseconds(300)

    private let targets: [Target]
    private let peers: [sockaddr_in]
    private let socket: Int32
    private let state = Locked(State())
    private let done = DispatchSemaphore(value: 0)

    /// Begins to ask.
    ///
    /// - Parameters:
    ///   - host: where the probe stands; nothing else may use its VXLAN port.
    ///   - peers: the nodes that are asked.
    ///   - targets: the networks, which must want an interface on the probe's node.
    ///   - pace: how often.
    /// - Throws: When it cannot listen there.
    package init(
        on host: NamespaceHosts.Host,
        peers: [NamespaceHosts.Host],
        targets: [Target],
        pace: Pace
    ) throws {
        self.targets = targets
        self.peers = peers.map { Self.address($0.address.rawValue) }
        socket = try WithinNamespace.run(host.namespacePath) { try Self.listen() }
        let sender = Thread { [self] in
            ask(pace)
            close(socket)
            done.signal()
        }
        sender.start()
    }

    /// Ends the asking, waits for late answers, and tells what was seen.
    package func stop() async -> OverlayObservation {
        state.update { $0.isStopped = true }
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [self] in
                done.wait()
                continuation.resume()
            }
        }
        return state.value.observation
    }

    /// The observation so far, without what was sent only just now.
    package var soFar: OverlayObservation { state.value.observation }

    // MARK: The thread

    private func ask(_ pace: Pace) {
        var due:
            [(question: OverlayObservation.Question, step: Duration, next: ContinuousClock.Instant, network: Int)] =
                [(.gateway, pace.gateway), (.lease, pace.lease)].compactMap { question, interval in
                    interval.map { (question, $0 / targets.count, .now, 0) }
                }
        var end: ContinuousClock.Instant?
        while true {
            let now = ContinuousClock.now
            if end == nil, state.update({ $0.isStopped }) { end = now + Self.lateness }
            if let end, now >= end { return }
            var pause = Duration.milliseconds(5)
            for index in due.indices where end == nil {
                while due[index].next <= now {
                    send(due[index].question, to: due[index].network)
                    due[index].network = (due[index].network + 1) % targets.count
                    // Who comes late does not hurry afterwards: requests keep their distance.
                    due[index].next = max(due[index].next + due[index].step, now - .milliseconds(20))
                }
                pause = min(pause, due[index].next - now)
            }
            var descriptor = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            let milliseconds = max(1, pause.components.attoseconds / 1_000_000_000_000_000)
            if poll(&descriptor, 1, Int32(milliseconds)) > 0 { receive() }
        }
    }

    private func send(_ question: OverlayObservation.Question, to network: Int) {
        let target = targets[network]
        let number = state.update { state in
            state.observation.samples.append(.init(network: network, question: question, sentAt: .now))
            return UInt32(state.observation.samples.count - 1)
        }
        let packet =
            switch question {
            case .gateway:
                OverlayFrame.whoHas(target.server, vni: target.vni, tell: target.guest, number: number)
            case .lease: OverlayFrame.discover(target.mac, vni: target.vni, number: number)
            }
        for var peer in peers {
            // One that is lost is a request that nobody answers.
            withUnsafePointer(to: &peer) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    _ = sendto(socket, packet, packet.count, 0, address, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
    }

    private func receive() {
        var packet = [UInt8](repeating: 0, count: 2048)
        while true {
            var sender = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let count = withUnsafeMutablePointer(to: &sender) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    recvfrom(socket, &packet, packet.count, Int32(MSG_DONTWAIT), $0, &length)
                }
            }
            guard count > 0 else { return }
            let node = IPv4Address(rawValue: UInt32(bigEndian: sender.sin_addr.s_addr))
            switch OverlayFrame.answer(packet[..<count]) {
            case .address(let number): note(.gateway, number, node)
            case .offer(let number): note(.lease, number, node)
            case nil: continue
            }
        }
    }

    private func note(_ question: OverlayObservation.Question, _ number: UInt32, _ node: IPv4Address) {
        state.update { state in
            let index = Int(number)
            guard state.observation.samples.indices.contains(index),
                state.observation.samples[index].question == question
            else { return }
            state.observation.samples[index].answers.append(node)
        }
    }

    // MARK: The socket

    private static func listen() throws -> Int32 {
        let socket = Foundation.socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var size = buffer
        let length = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &size, length)
        var own = address(0)
        let isBound = withUnsafePointer(to: &own) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isBound else {
            let reason = String(cString: strerror(errno))
            close(socket)
            throw WithinNamespace.Failure(description: "the probe cannot listen: \(reason)")
        }
        return socket
    }

    private static func address(_ address: UInt32) -> sockaddr_in {
        var result = sockaddr_in()
        result.sin_family = sa_family_t(AF_INET)
        result.sin_port = port.bigEndian
        result.sin_addr.s_addr = address.bigEndian
        return result
    }
}

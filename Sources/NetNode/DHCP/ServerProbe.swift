import ClusterDaemon
import ClusterModel
import ClusterStore
import Glibc

/// The questions of a guest to a network's server, asked so that no guest receives a frame of them.
///
/// They go from inside the server's namespace to its own address: the kernel loops that back. The question for an
/// address is a real DISCOVER, for an address that no guest may have and a MAC that no guest knows, as a relay would
/// forward it: the answer then comes to the relay and not to the MAC. No REQUEST follows it, so there is no lease.
struct ServerProbe: Sendable {
    /// A question that the server is asked.
    enum Question: String, Sendable, Hashable {
        case address = "DHCP"
        case name = "DNS"
    }

    /// A datagram can be lost where a socket's queue is full.
    private static let repetition: Duration = .milliseconds(250)
    /// The time between two polls, at first, because an answer takes 0.05 to 0.3 ms, and from `soon` on.
    private static let pace: Duration = .milliseconds(1)
    private static let laterPace: Duration = .milliseconds(5)
    private static let soon: Duration = .milliseconds(20)
    private static let namePort: UInt16 = 53

    let namespacePath: String
    /// The client that it asks as.
    let mac: MACAddress
    let server: IPv4Address
    let questions: [Question]

    /// Chooses a MAC that guests cannot know: a guest that knew it could decline its address, and the server would seem
    /// to answer nobody.
    ///
    /// - Parameter taken: whether a MAC is somebody else's.
    /// - Returns: A random, locally administered address.
    static func randomAddress(unless taken: (MACAddress) -> Bool) -> MACAddress {
        while true {
            var octets = (0..<6).map { _ in UInt8.random(in: .min ... .max) }
            octets[0] = octets[0] & 0xfc | 0x02
            if let mac = MACAddress(octets), !taken(mac) { return mac }
        }
    }

    /// Asks, and asks again, until everything is answered.
    ///
    /// - Parameters:
    ///   - limit: the time to wait for answers, counted in pauses of a few milliseconds: a time in which the process or
    ///     the machine was stopped does not count.
    ///   - mayGoOn: asked before each poll; what it throws ends the wait.
    /// - Returns: The questions that were not answered in time.
    /// - Throws: `NamespaceSocket.Failure` when it cannot be asked, `CancellationError`, and what `mayGoOn` throws.
    func unanswered(
        within limit: Duration,
        _ mayGoOn: () async throws -> Void
    ) async throws -> [Question] {
        var open = try questions.map(conversation)
        var waited: Duration = .zero
        var next: Duration = .zero
        while true {
            if next <= waited {
                // One that cannot be sent is one that is not answered.
                for conversation in open { try? conversation.ask() }
                next = waited + Self.repetition
            }
            open.removeAll { $0.isAnswered() }
            guard !open.isEmpty, waited < limit else { return open.map(\.question) }
            let pace = waited < Self.soon ? Self.pace : Self.laterPace
            try await Task.sleep(for: pace)
            waited += pace
            try await mayGoOn()
        }
    }

    private struct Conversation: Sendable {
        let question: Question
        let ask: @Sendable () throws -> Void
        let isAnswered: @Sendable () -> Bool
    }

    private func conversation(_ question: Question) throws(NamespaceSocket.Failure) -> Conversation {
        switch question {
        case .address: try conversationOnAddress()
        case .name: try conversationOnName()
        }
    }

    private func conversationOnAddress() throws(NamespaceSocket.Failure) -> Conversation {
        let place = NamespaceSocket.Place(address: server, port: DHCPMessage.serverPort)
        let (asking, listening) = (try socket(), try socket())
        try listening.take(at: place, from: place)
        let message = DHCPMessage.discover(mac, by: server, transaction: .random(in: .min ... .max))
        return Conversation(question: .address) {
            try asking.send(message.bytes, to: place)
        } isAnswered: {
            while let bytes = listening.receive() {
                guard let answer = DHCPMessage(answer: bytes) else { continue }
                if answer.kind == .offer && answer.transaction == message.transaction && answer.server == server {
                    return true
                }
            }
            return false
        }
    }

    private func conversationOnName() throws(NamespaceSocket.Failure) -> Conversation {
        let place = NamespaceSocket.Place(address: server, port: Self.namePort)
        let socket = try socket()
        let query = NameQuery.version(id: .random(in: .min ... .max))
        return Conversation(question: .name) {
            try socket.send(query.bytes, to: place)
        } isAnswered: {
            while let bytes = socket.receive() {
                if query.isAnswered(by: bytes) { return true }
            }
            return false
        }
    }

    private func socket() throws(NamespaceSocket.Failure) -> NamespaceSocket {
        try NamespaceSocket(in: namespacePath)
    }
}

import ClusterModel
import ClusterStore
import Glibc
import Synchronization

/// Probes the paths from this node to its peers, and answers theirs.
///
/// It goes by calls of ``turn(at:)``; nothing in it waits, and it knows of no database.
final class PathProber: Sendable {
    /// The counts of what was sent and received since the process began.
    struct Counts: Sendable, Hashable {
        var sent = 0
        var answered = 0
        var failed = 0
        /// Requests of others that were answered.
        var answersGiven = 0
    }

    fileprivate struct Peer: Sendable {
        let peer: ProbePeer
        let socket: ProbeSocket
        var path: PeerPath
    }

    fileprivate struct State: Sendable {
        var plan: ProbePlan?
        var responder: ProbeSocket?
        var peers: [NodeID: Peer] = [:]
        var sequence: UInt32 = 0
        var counts = Counts()
        /// The reason why nothing can be probed, as the kernel gave it.
        var failure: ProbeSocket.Failure?
    }

    /// Requests that are answered in one turn; with the least time between turns that bounds the datagrams that
    /// anybody can make this node send, one for one and byte for byte.
    static let mostAnswersAtOnce = 64

    private let port: UInt16
    private let state = Mutex(State())

    /// Creates a prober that has no peers before ``take(_:fullSize:at:)``.
    ///
    /// - Parameter port: at which every node answers.
    init(port: UInt16) {
        self.port = port
    }

    /// Probes the nodes of a plan from now on; a path that stays in it keeps its state.
    ///
    /// - Parameters:
    ///   - plan: the node with its peers.
    ///   - fullSize: the length of the networks' longest packet on the underlay; nil while there is no network.
    ///   - now: the time.
    func take(_ plan: ProbePlan, fullSize: Int?, at now: ContinuousClock.Instant) {
        state.withLock { state in
            // A socket is bound to the address that the node had when it was made.
            if state.plan?.node != plan.node { (state.responder, state.peers) = (nil, [:]) }
            state.plan = plan
            let wanted = Dictionary(plan.peers.map { ($0.id, $0) }) { first, _ in first }
            state.peers = state.peers.filter { wanted[$0.key] == $0.value.peer }
            state.failure = nil
            do throws(ProbeSocket.Failure) {
                if state.responder == nil { state.responder = try ProbeSocket(at: plan.node.address, port: port) }
                for (id, peer) in wanted where state.peers[id] == nil {
                    let socket = try ProbeSocket(at: plan.node.address, port: 0, peer: (peer.address, port))
                    // Nodes that were told of a change at once do not all ask at once.
                    let phase = PeerPath.interval * Double.random(in: 0..<1)
                    let path = PeerPath(fullSize: fullSize, at: now, phase: phase)
                    state.peers[id] = Peer(peer: peer, socket: socket, path: path)
                }
            } catch {
                state.failure = error
            }
            for id in state.peers.keys { state.peers[id]?.path.resize(fullSize, at: now) }
        }
    }

    /// Answers what has come, reads what was answered, and sends what is due.
    ///
    /// - Returns: How many requests it has answered.
    func turn(at now: ContinuousClock.Instant) -> Int {
        withUnsafeTemporaryAllocation(byteCount: ProbeMessage.longest, alignment: 8) { buffer in
            state.withLock { state in
                guard let plan = state.plan else { return 0 }
                let answered = state.answer(as: plan.node.id, buffer)
                for id in state.peers.keys {
                    state.read(id, buffer, at: now)
                    state.send(id, from: plan.node.id, at: now)
                }
                return answered
            }
        }
    }

    /// A path as it is known now.
    struct Reading: Sendable, Hashable {
        let peer: ProbePeer
        let verdict: PeerPath.Verdict
    }

    /// All paths as they are known now, in the order of their ends' names.
    var readings: [Reading] {
        state.withLock { state in
            state.peers.values.map { Reading(peer: $0.peer, verdict: $0.path.verdict) }
        }.sorted { $0.peer.name < $1.peer.name }
    }

    var plan: ProbePlan? { state.withLock { $0.plan } }
    var counts: Counts { state.withLock { $0.counts } }
    /// The reason why not all can be probed; nil when all are.
    var failure: ProbeSocket.Failure? { state.withLock { $0.failure } }
}

extension PathProber.State {
    fileprivate mutating func answer(as node: NodeID, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard let responder else { return 0 }
        var answered = 0
        for _ in 0..<PathProber.mostAnswersAtOnce {
            switch responder.receive(into: buffer) {
            case .nothing: return answered
            case .failure: continue
            case .datagram(let count, let place):
                guard let answer = ProbeMessage(buffer.prefix(count))?.answer(by: node) else { continue }
                // The padding goes back as it came.
                buffer.copyBytes(from: answer.encoded())
                responder.send(UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: place)
                answered += 1
                counts.answersGiven += 1
            }
        }
        return answered
    }

    fileprivate mutating func read(
        _ id: NodeID,
        _ buffer: UnsafeMutableRawBufferPointer,
        at now: ContinuousClock.Instant
    ) {
        // Two requests are open at most; the rest is not ours, and is left.
        for _ in 0..<4 {
            guard let socket = peers[id]?.socket else { return }
            switch socket.receive(into: buffer) {
            case .nothing: return
            case .failure(let number):
                counts.failed += 1
                peers[id]?.path.failedOpen(ProbedPath.Failure(number), at: now)
            case .datagram(let count, _):
                guard let message = ProbeMessage(buffer.prefix(count)), message.kind == .answer, message.sender == id
                else { continue }
                if peers[id]?.path.answered(message.nonce) == true { counts.answered += 1 }
            }
        }
    }

    fileprivate mutating func send(_ id: NodeID, from node: NodeID, at now: ContinuousClock.Instant) {
        for size in peers[id]?.path.due(at: now) ?? [] {
            guard let peer = peers[id] else { return }
            sequence &+= 1
            let message = ProbeMessage(
                kind: .request,
                sender: node,
                receiver: id,
                sequence: sequence,
                nonce: .random(in: .min ... .max)
            )
            let headers = 28  // IPv4 20, UDP 8
            let length = size == .full ? peer.path.fullSize.map { $0 - headers } : nil
            counts.sent += 1
            peers[id]?.path.sent(size, nonce: message.nonce, at: now)
            if let number = peer.socket.send(message.encoded(length: length ?? ProbeMessage.headerLength)) {
                counts.failed += 1
                peers[id]?.path.failed(size, ProbedPath.Failure(number), at: now)
            }
        }
    }
}

extension ProbedPath.Failure {
    /// Makes sense of the kernel's error number for a datagram.
    fileprivate init(_ number: Int32) {
        switch number {
        case ECONNREFUSED: self = .refused
        case EMSGSIZE: self = .tooLarge
        default: self = .noRoute(String(cString: strerror(number)))
        }
    }
}

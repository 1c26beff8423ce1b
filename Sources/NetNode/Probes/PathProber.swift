import ClusterEngine
import ClusterModel
import ClusterStore
import Glibc
import Synchronization

/// Probes the paths from this node to its peers, and answers theirs; and is the way to the witnesses of an election,
/// which are among them.
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
        /// The addresses from which a leader may ask.
        var askers: Set<IPv4Address> = []
        var sequence: UInt32 = 0
        var counts = Counts()
        /// The reason why nothing can be probed, as the kernel gave it.
        var failure: ProbeSocket.Failure?
        /// The round in which witnesses were asked last, and who has confirmed it.
        var round: UInt64?
        var confirmed: Set<NodeID> = []
    }

    /// Requests that are answered in one turn; with the least time between turns that bounds the datagrams that
    /// anybody can make this node send, one for one and byte for byte.
    static let mostAnswersAtOnce = 64
    /// Datagrams that are read in one turn: most of what the socket's buffer holds.
    ///
    /// So what needs no answer keeps no question from being read.
    static let mostReadAtOnce = 1024

    private let port: UInt16
    private let witness: @Sendable (WitnessMessage, ContinuousClock.Instant) -> WitnessMessage?
    private let state = Mutex(State())

    /// Creates a prober that has no peers before ``take(_:fullSize:at:)``.
    ///
    /// - Parameters:
    ///   - port: at which every node answers.
    ///   - witness: answers what a leader asks; nil is no answer.
    init(
        port: UInt16,
        witness: @escaping @Sendable (WitnessMessage, ContinuousClock.Instant) -> WitnessMessage? = { _, _ in nil }
    ) {
        self.port = port
        self.witness = witness
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
            state.askers = Set(plan.peers.map(\.address))
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
    /// - Returns: The number of datagrams that others have sent unasked, answered or not.
    func turn(at now: ContinuousClock.Instant) -> Int {
        withUnsafeTemporaryAllocation(byteCount: ProbeMessage.longest, alignment: 8) { buffer in
            state.withLock { state in
                guard let plan = state.plan else { return 0 }
                let count = state.answer(as: plan.node.id, buffer, witness)
                for id in state.peers.keys {
                    state.read(id, buffer, at: now)
                    state.send(id, from: plan.node.id, at: now)
                }
                return count
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

extension PathProber: WitnessChannel {
    var answering: Set<NodeID> {
        state.withLock { state in Set(state.peers.filter { $0.value.path.verdict.isAnswering }.keys) }
    }

    func canBeAsked(as node: NodeID) -> Bool {
        state.withLock { $0.responder != nil && $0.plan?.node.id == node }
    }

    func ask(_ nodes: Set<NodeID>, holder: SessionID, nonce: UInt64) {
        state.withLock { state in
            if state.round != nonce { (state.round, state.confirmed) = (nonce, []) }
            for node in nodes {
                let question = WitnessMessage(.question, nonce: nonce, holder: holder, witness: node)
                // One that is not sent is not answered.
                _ = state.peers[node]?.socket.send(question.encoded)
            }
        }
    }

    func confirmations(of nonce: UInt64) -> Set<NodeID> {
        state.withLock { $0.round == nonce ? $0.confirmed : [] }
    }
}

extension PathProber.State {
    fileprivate mutating func answer(
        as node: NodeID,
        _ buffer: UnsafeMutableRawBufferPointer,
        _ witness: (WitnessMessage, ContinuousClock.Instant) -> WitnessMessage?
    ) -> Int {
        guard let responder else { return 0 }
        var answered = 0
        for count in 0..<PathProber.mostReadAtOnce {
            guard answered < PathProber.mostAnswersAtOnce else { return count }
            switch responder.receive(into: buffer) {
            case .nothing: return count
            case .failure: continue
            case .datagram(let count, let place):
                // Its time is that of the answer, and not of the turn: a witness waits for a whole lease from then on.
                if let question = WitnessMessage(buffer.prefix(count)) {
                    guard askers.contains(place.address), let answer = witness(question, .now) else { continue }
                    answer.encoded.withUnsafeBytes { responder.send($0, to: place) }
                    answered += 1
                    continue
                }
                guard let answer = ProbeMessage(buffer.prefix(count))?.answer(by: node) else { continue }
                // The padding goes back as it came.
                buffer.copyBytes(from: answer.encoded())
                responder.send(UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: place)
                answered += 1
                counts.answersGiven += 1
            }
        }
        return PathProber.mostReadAtOnce
    }

    fileprivate mutating func read(
        _ id: NodeID,
        _ buffer: UnsafeMutableRawBufferPointer,
        at now: ContinuousClock.Instant
    ) {
        // Two requests and a few questions are open at most; the rest is not ours, and is left.
        for _ in 0..<8 {
            guard let socket = peers[id]?.socket else { return }
            switch socket.receive(into: buffer) {
            case .nothing: return
            case .failure(let number):
                counts.failed += 1
                peers[id]?.path.failedOpen(ProbedPath.Failure(number), at: now)
            case .datagram(let count, _):
                if let answer = WitnessMessage(buffer.prefix(count)) {
                    note(answer, from: id)
                    continue
                }
                guard let message = ProbeMessage(buffer.prefix(count)), message.kind == .answer, message.sender == id
                else { continue }
                if peers[id]?.path.answered(message.nonce) == true { counts.answered += 1 }
            }
        }
    }

    private mutating func note(_ answer: WitnessMessage, from id: NodeID) {
        guard answer.kind == .confirmation, answer.witness == id, answer.nonce == round else { return }
        confirmed.insert(id)
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

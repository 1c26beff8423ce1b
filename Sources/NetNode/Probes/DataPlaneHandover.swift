import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import MariaDB

/// Asks the elected node, when it is this one, to hand over once the networks' packets do not reach it while another
/// one would be reached.
///
/// ``HandoverDecision`` decides, from what the nodes have written down; the request goes the way of `leader resign`, so
/// that this node serves until the other one is ready, and stays when that one is not.
struct DataPlaneHandover: Sendable {
    private static let interval: Duration = .milliseconds(500)

    private let node: NodeName
    private let lease: String
    private let database: Database
    private let tenure: @Sendable () -> Tenure?
    private let logger: Logger

    init(
        node: NodeName,
        lease: String = ElectedLease.networkNode,
        database: Database,
        tenure: @escaping @Sendable () -> Tenure?,
        logger: Logger
    ) {
        self.node = node
        self.lease = lease
        self.database = database
        self.tenure = tenure
        self.logger = logger
    }

    /// Decides twice a second while this node is elected, until cancellation; another node asks nothing.
    func run() async {
        var errors = ErrorReporter("data plane", logger: logger)
        var decision = HandoverDecision()
        while await pause(for: Self.interval) == .elapsed {
            guard let tenure = tenure() else {
                // Of an earlier tenure nothing is to be known in the next one.
                decision = HandoverDecision()
                continue
            }
            do {
                if let situation = try await situation(), let request = decision.step(situation, at: .now) {
                    try await ask(request, under: tenure)
                }
                errors.resolved()
            } catch {
                guard !Task.isCancelled else { return }
                errors.report("whether another node is reached better cannot be read: \(error)")
            }
        }
    }

    private func situation() async throws -> HandoverDecision.Situation? {
        let (node, lease) = (node, lease)
        return try await database.withSession { session in
            try DataPlaneStatements.situation(of: lease, leader: node, on: session)
        }
    }

    private func ask(_ request: HandoverDecision.Request, under tenure: Tenure) async throws {
        let (lease, node, term, id) = (lease, node, tenure.term, ResignationID.new())
        let change = AuditedChange(.resignationRequested, of: node, term: term, reason: request.cause.rawValue)
        let isAsked = try await database.withTransaction { transaction in
            let isAsked = try DataPlaneStatements.askToResign(
                lease,
                term: term,
                to: request.successor,
                id,
                in: transaction
            )
            if isAsked { try AuditStatements.record(change, requester: node.netnode, in: transaction) }
            return isAsked
        }
        let metadata: Logger.Metadata = [
            "component": "data plane", "cause": "\(request.cause.rawValue)", "to": "\(request.successor)",
            "term": "\(term)",
        ]
        if isAsked {
            logger.warning("asking to hand over because of the data plane", metadata: metadata)
        } else {
            logger.notice("somebody has asked to hand over already", metadata: metadata)
        }
    }
}

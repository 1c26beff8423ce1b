import ClusterModel
import ClusterStore
import Logging
import MariaDB
import ServiceLifecycle

/// Listens for doorbells as soon as it is known at which address.
///
/// The underlay address stands in the configuration, or else in the node's row, for which it waits.
package actor DoorbellService: Service {
    private let settings: DoorbellSettings
    private let configuredUnderlay: IPv4Address?
    private let node: NodeName
    private let database: Database
    private let doorbells: [Doorbell]
    private let logger: Logger
    /// The address at which others ring; nil until it is bound.
    package private(set) var address: HostPort?
    private var listener: DoorbellListener?
    /// The counts of the datagrams that came to listeners before this one.
    private var earlier = RingCounts()

    /// - Parameters:
    ///   - settings: Where to listen.
    ///   - underlay: The node's address; nil where it stands in the node's row only.
    ///   - node: The node.
    ///   - database: Where its row is.
    ///   - doorbells: What a datagram rings.
    ///   - logger: Told where it listens, or why it cannot.
    package init(
        _ settings: DoorbellSettings,
        underlay: IPv4Address?,
        node: NodeName,
        database: Database,
        doorbells: [Doorbell],
        logger: Logger
    ) {
        self.settings = settings
        configuredUnderlay = underlay
        self.node = node
        self.database = database
        self.doorbells = doorbells
        self.logger = logger
    }

    /// The counts of the datagrams that have come since the process began.
    package var counts: RingCounts { earlier + (listener?.counts ?? RingCounts()) }

    /// Listens until graceful shutdown; without an address the workers poll.
    package func run() async throws {
        var errors = ErrorReporter("doorbell", logger: logger)
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            do {
                if let underlay = try await underlay() {
                    let listener = DoorbellListener(
                        settings,
                        underlay: underlay,
                        doorbells: doorbells,
                        logger: logger
                    )
                    address = try await listener.bind()
                    errors.resolved()
                    self.listener = listener
                    try await listener.run()
                    earlier = counts
                    self.listener = nil
                    address = nil
                    continue
                }
            } catch let error as ClusterOpsError {
                errors.report("the doorbell cannot listen: \(error)")
            } catch is DatabaseError {
                // The worker says that the database is away.
            }
            _ = await pause(for: .seconds(1))
        }
    }

    private func underlay() async throws -> IPv4Address? {
        if let configuredUnderlay { return configuredUnderlay }
        let name = node
        return try await database.withSession { try SessionStatements.node(name, on: $0)?.address }
    }
}

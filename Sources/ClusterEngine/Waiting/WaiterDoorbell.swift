import ClusterModel
import ClusterStore
import Logging
import MariaDB
import Synchronization

/// The doorbell of one wait, on a free port, entered in the database under the operations that are waited for.
///
/// Whoever ends one of them rings, and removes the entry under it, so that the waiter need not before it goes on.
final class WaiterDoorbell: Sendable {
    /// The time for which the database keeps a waiter that does not renew its row; one that died costs a datagram until
    /// then.
    static let lease: Duration = .seconds(60)
    /// The time after which its row is renewed: three slow polls may fail before it expires.
    private static let renewAfter: Duration = .seconds(20)

    let doorbell: Doorbell
    /// Those of the operations whose entries nobody else removes.
    private let left: Mutex<[OperationID]>
    private let address: HostPort
    private let database: Database
    private let renewed: Mutex<ContinuousClock.Instant>

    private init(_ doorbell: Doorbell, ids: [OperationID], address: HostPort, database: Database) {
        self.doorbell = doorbell
        left = Mutex(ids)
        self.address = address
        self.database = database
        renewed = Mutex(.now)
    }

    /// Lends a doorbell that rings when one of the operations ends, and takes it away again.
    ///
    /// - Returns: What the body returned; nil, without having run it, when nobody could ring here: no worker has told
    ///   where it is, there is no way to it, no socket to be had, or nothing can be written.
    static func withBound<Result: Sendable>(
        for ids: [OperationID],
        database: Database,
        _ body: (WaiterDoorbell) async throws -> Result
    ) async throws -> Result? {
        guard let source = try await reachableAddress(database) else { return nil }
        let doorbell = Doorbell()
        var configuration = DoorbellSettings()
        configuration.listen = HostPort(host: .address(IPv4Address(rawValue: 0)), port: 0)
        let logger = Logger(label: "clusterops.waiter", factory: { _ in SwiftLogNoOpLogHandler() })
        let listener = DoorbellListener(configuration, underlay: source, doorbells: [doorbell], logger: logger)
        // Without a socket the wait is a matter of polling.
        guard let address = try? await listener.bind() else { return nil }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            // A socket that closes by itself costs the rings, not the wait.
            group.addTask { _ = try? await listener.run() }
            defer { group.cancelAll() }
            do {
                try await database.withSession {
                    try WaiterStatements.register(ids, doorbell: address, for: lease, on: $0)
                }
            } catch let error as DatabaseError {
                // Whoever may only look polls, and so does everybody where nothing can be written.
                guard [.accessDeniedToTable, .readOnly, .readOnlyMode].contains(error.code) else { throw error }
                return nil
            }
            let waiter = WaiterDoorbell(doorbell, ids: ids, address: address, database: database)
            do {
                let result = try await body(waiter)
                await waiter.remove()
                return result
            } catch {
                await waiter.remove()
                throw error
            }
        }
    }

    /// Takes note of the operations whose entries nobody else removes.
    func waits(for operations: [OperationID]) { left.withLock { $0 = operations } }

    /// Lets the rows stand for longer; those that could not be renewed expire, and the wait goes on by polling.
    func renewIfDue() async {
        let now = ContinuousClock.now
        guard renewed.withLock({ now - $0 >= Self.renewAfter }) else { return }
        let (ids, address) = (left.withLock(\.self), address)
        let done: Void? = try? await database.withSession {
            try WaiterStatements.register(ids, doorbell: address, for: Self.lease, on: $0)
        }
        if done != nil { renewed.withLock { $0 = now } }
    }

    /// Best effort: what stays is swept when it has expired.
    private func remove() async {
        let waiters = left.withLock(\.self).map {
            WaiterStatements.Waiter(operation: $0, doorbell: address.description)
        }
        guard !waiters.isEmpty else { return }
        _ = try? await database.withSession { try WaiterStatements.remove(waiters, on: $0) }
    }

    /// The address by which a worker reaches this process: the one from which the kernel would send to it.
    private static func reachableAddress(_ database: Database) async throws -> IPv4Address? {
        let somebody = try await database.withSession { try SessionStatements.someDoorbell(on: $0) }
        guard case .address(let address)? = somebody?.host else { return nil }
        return try? DatagramSocket().source(towards: address)
    }
}

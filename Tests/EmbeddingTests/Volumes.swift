import ClusterOps
import Logging
import MariaDB
import ServiceLifecycle

/// What a request to resize a volume carries.
struct Resize: Codable, Sendable {
    var volume: String
    var gigabytes: Int
}

/// The program's own work, on the cluster's queues.
struct Volumes: Sendable {
    /// Declared once: requests and handler are made of it.
    let resize: TypedTask<Resize>
    let database: Database
    let cluster: EmbeddedCluster

    init(database: Database, logger: Logger) throws {
        self.database = database
        resize = try TypedTask("resize_volume", parameters: Resize.self, maximumAttempts: 3, timeout: .seconds(30))
        cluster = EmbeddedCluster(database: database, requester: "volumes", logger: logger)
    }

    /// Outside of a transaction: returns once the operation exists.
    func enqueue(_ wanted: Resize) async throws -> OperationID {
        try await cluster.queue.enqueue(resize.request(wanted)).uuid
    }

    /// Inside one: the wanted size and the work that it asks for are there together, or not at all.
    func setSize(_ wanted: Resize) async throws -> OperationID {
        var request = try resize.request(wanted)
        // An id of our own: after an unknown outcome the same call may be made again.
        request.id = .new()
        let (queue, requests) = (cluster.queue, [request])
        return try await queue.withTransaction { transaction, work in
            try transaction.execute(
                """
                INSERT INTO volumes (name, gigabytes) VALUES (\(wanted.volume), \(wanted.gigabytes))
                ON DUPLICATE KEY UPDATE gigabytes = VALUE(gigabytes)
                """
            )
            work += try queue.enqueue(requests, in: transaction)
            return work.receipts[0].uuid
        }
    }

    /// A worker whose handler may run twice for one operation: it sets, where it could add.
    func worker(_ settings: EmbeddedWorker.Settings) -> EmbeddedWorker {
        let database = database
        let handler = resize.handler { wanted, _ in
            guard wanted.gigabytes > 0 else {
                throw OperationFailure(code: "no_size", message: "a volume of \(wanted.gigabytes) GB cannot be made")
            }
            try await database.withSession { session in
                try session.execute("UPDATE volumes SET made = \(wanted.gigabytes) WHERE name = \(wanted.volume)")
            }
            return .done(result: nil)
        }
        return cluster.worker(settings, handlers: [handler])
    }

    /// Ends with SIGTERM, and then in the opposite order: the worker first, the database last.
    func services(_ settings: EmbeddedWorker.Settings) -> [any Service] {
        [database, cluster, worker(settings)]
    }
}

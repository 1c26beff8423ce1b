import ClusterModel
import MariaDB

/// The statements on what the commands of attempts have printed.
package enum OutputStatements {
    /// The output of one stream of an attempt, as it is to be kept.
    package struct Printed: Sendable, Hashable {
        package let operation: OperationID
        package let delivery: Int
        package let tail: OutputTail

        package init(operation: OperationID, delivery: Int, tail: OutputTail) {
            self.operation = operation
            self.delivery = delivery
            self.tail = tail
        }

        fileprivate static func isBefore(_ left: Self, _ right: Self) -> Bool {
            (left.operation, left.delivery, left.tail.place, left.tail.stream.rawValue)
                < (right.operation, right.delivery, right.tail.place, right.tail.stream.rawValue)
        }
    }

    /// Tails of one packet: half a mebibyte, below the smallest packet that a server is set up for.
    private static let mostAtOnce = 8

    /// Writes output; the caller has made sure that the attempts are its session's.
    ///
    /// Of two writes of a stream the one with more bytes stays, whatever their order. In the order of the key, so that
    /// two writers cannot deadlock.
    package static func write(_ printed: [Printed], in transaction: borrowing Transaction) throws(DatabaseError) {
        var rest = printed.sorted(by: Printed.isBefore)[...]
        while !rest.isEmpty {
            try transaction.execute(together: Array(rest.prefix(mostAtOnce))) { printed in
                """
                (\(printed.operation), \(printed.delivery), \(printed.tail.place), \(printed.tail.stream),
                    \(printed.tail.bytes), \(printed.tail.total))
                """
            } in: { rows in
                """
                INSERT INTO attempt_outputs (operation, delivery, task_place, stream, tail, total_bytes)
                VALUES \(sql: rows)
                ON DUPLICATE KEY UPDATE tail = IF(VALUE(total_bytes) > total_bytes, VALUE(tail), tail),
                    total_bytes = GREATEST(total_bytes, VALUE(total_bytes))
                """
            }
            rest = rest.dropFirst(mostAtOnce)
        }
        for printed in printed where printed.delivery > OutputTail.mostAttempts {
            try transaction.execute(
                """
                DELETE FROM attempt_outputs
                WHERE operation = \(printed.operation) AND delivery <= \(printed.delivery - OutputTail.mostAttempts)
                """
            )
        }
    }

    /// Forgets the output of operations.
    package static func delete(of ids: [OperationID], in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.delete(from: "attempt_outputs", by: "operation", ids)
    }

    // MARK: Reading

    /// The attempts of an operation of which there is output, by delivery, oldest first.
    package static func deliveries(of id: OperationID, on session: borrowing Session) throws -> [Int] {
        try session.query(
            "SELECT DISTINCT delivery FROM attempt_outputs WHERE operation = \(id) ORDER BY delivery"
        ).map { try $0.only() }
    }

    /// A stream of an attempt, and the number of bytes that were printed on it.
    package struct Total: Sendable, Hashable {
        package let place: Int
        package let stream: StandardStream
        package let bytes: Int
    }

    /// Returns how much an attempt has printed, without the output itself.
    package static func totals(
        of id: OperationID,
        delivery: Int,
        on session: borrowing Session
    ) throws -> [Total] {
        try session.query(
            """
            SELECT task_place, stream, total_bytes FROM attempt_outputs
            WHERE operation = \(id) AND delivery = \(delivery) ORDER BY task_place, stream
            """
        ).map { row in
            Total(
                place: try row.get("task_place"),
                stream: try row.get("stream"),
                bytes: try row.get("total_bytes")
            )
        }
    }

    /// Reads what was printed after a number of bytes, as far as it is kept; nil when the row is gone.
    package static func tail(
        of id: OperationID,
        delivery: Int,
        _ total: Total,
        after known: Int,
        on session: borrowing Session
    ) throws -> OutputTail? {
        try session.query(
            """
            SELECT total_bytes, RIGHT(tail, LEAST(\(OutputTail.mostBytes), total_bytes - \(known))) AS news
            FROM attempt_outputs
            WHERE operation = \(id) AND delivery = \(delivery) AND task_place = \(total.place)
                AND stream = \(total.stream)
            """
        ).first.map { row in
            OutputTail(
                place: total.place,
                stream: total.stream,
                bytes: try row.get("news"),
                total: try row.get("total_bytes")
            )
        }
    }
}

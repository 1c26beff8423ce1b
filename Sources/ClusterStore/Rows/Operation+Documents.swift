import ClusterModel
import MariaDB

extension Operation {
    /// A column of an operation that holds JSON, with the most that is read of it.
    ///
    /// What has grown beyond that by a hand or a fault stays in the database: one row of 15 MB must not be read again
    /// and again by whoever lists operations.
    package struct Document: Sendable {
        package let name: String
        package let mostBytes: Int
        /// The column alone.
        package let column: SQL
        /// The column where it is not too long, and its size.
        package let columns: SQL

        private init(_ name: String, _ column: SQL, _ size: SQL, mostBytes: Int) {
            self.name = name
            self.mostBytes = mostBytes
            self.column = column
            columns = """
                IF(LENGTH(\(sql: column)) > \(mostBytes), NULL, \(sql: column)) AS \(sql: column),
                LENGTH(\(sql: column)) AS \(sql: size)
                """
        }

        package static let parameters = Document(
            "parameters",
            "parameters",
            "parameters_size",
            mostBytes: OperationRequest.longestParameters
        )
        package static let result = Document(
            "result",
            "result",
            "result_size",
            mostBytes: OperationOutcome.longestResult
        )
        /// 4,096 ids of 39 bytes.
        package static let dependsOn = Document("depends_on", "depends_on", "depends_on_size", mostBytes: 1 << 18)
        package static let runsAfter = Document("runs_after", "runs_after", "runs_after_size", mostBytes: 1 << 18)
        /// A failure has some 16 KB at most, six times that when all of it has to be escaped.
        package static let error = Document("error", "error", "error_size", mostBytes: 1 << 17)
        /// The records that are kept, each with such a failure.
        package static let history = Document(
            "attempt_history",
            "attempt_history",
            "attempt_history_size",
            mostBytes: AttemptRecord.mostKept << 17
        )
    }

    /// Reads the documents of one row.
    package struct DocumentReading {
        package let row: Row
        /// A Boolean value that indicates whether one that cannot be read is left out and noted.
        package let omitsUnreadable: Bool
        /// The parts that were left out.
        package var omitted: [OmittedPart] = []

        package mutating func text(_ document: Document) throws -> String? {
            try read(document) { text throws(SQLConversionError) in text }
        }

        package mutating func value<Value: Codable & Sendable>(
            _ document: Document,
            as type: Value.Type
        ) throws -> Value? {
            try read(document) { text throws(SQLConversionError) in
                try JSONColumn<Value>(sqlValue: .text(text)).value
            }
        }

        private mutating func read<Value>(
            _ document: Document,
            _ make: (String) throws(SQLConversionError) -> Value
        ) throws -> Value? {
            let size: Int? = try row.get("\(document.name)_size")
            let text: String? = try row.get(document.name)
            do throws(SQLConversionError) {
                if let size, size > document.mostBytes {
                    throw SQLConversionError(reason: "\(size) bytes, at most \(document.mostBytes) are read")
                }
                return try text.map(make)
            } catch {
                guard omitsUnreadable else {
                    let message = "column '\(document.name)': \(error.reason)"
                    throw DatabaseError(code: .unexpectedValue, phase: .fetch, message: message)
                }
                omitted.append(OmittedPart(document.name, error.reason))
                return nil
            }
        }
    }
}

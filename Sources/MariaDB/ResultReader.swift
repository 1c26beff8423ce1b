import CMariaDB
import DatabaseTime

/// Reads the stored result of an executed statement into rows.
@safe struct ResultReader {
    private let statement: UnsafeMutablePointer<MYSQL_STMT>
    private let text: String

    init(_ statement: UnsafeMutablePointer<MYSQL_STMT>, text: String) {
        unsafe self.statement = unsafe statement
        self.text = text
    }

    /// Reads every row.
    ///
    /// - Parameters:
    ///   - known: The layout of its rows; libmariadb keeps the names that it was told when the statement was prepared.
    ///   - fail: Turns the statement's error into a thrown one.
    /// - Returns: The rows and their layout.
    /// - Throws: What `fail` throws.
    func readAll(
        layout known: ColumnLayout?,
        fail: () throws(DatabaseError) -> Never
    ) throws(DatabaseError) -> (rows: [Row], layout: ColumnLayout) {
        // With the true maximal lengths known before binding, no value is ever cut or fetched twice.
        var updateMaxLength: my_bool = 1
        unsafe mysql_stmt_attr_set(statement, STMT_ATTR_UPDATE_MAX_LENGTH, &updateMaxLength)
        if unsafe mysql_stmt_store_result(statement) != 0 { try fail() }
        guard let metadata = unsafe mysql_stmt_result_metadata(statement) else { try fail() }
        defer { unsafe mysql_free_result(metadata) }
        let fields = unsafe UnsafeBufferPointer(
            start: mysql_fetch_fields(metadata),
            count: Int(mysql_num_fields(metadata))
        )

        let buffers = unsafe ResultBuffers(fields)
        if unsafe mysql_stmt_bind_result(statement, buffers.binds) != 0 { try fail() }
        let names = { unsafe fields.map { unsafe String(cString: $0.name) } }
        let layout = known ?? ColumnLayout(names: names(), statement: text)
        var rows: [Row] = []
        rows.reserveCapacity(unsafe Int(mysql_stmt_num_rows(statement)))
        while true {
            switch unsafe mysql_stmt_fetch(statement) {
            case 0: rows.append(Row(layout: layout, values: buffers.row()))
            case MYSQL_NO_DATA: return (rows, layout)
            case MYSQL_DATA_TRUNCATED: preconditionFailure("a result buffer is shorter than the longest value")
            default: try fail()
            }
        }
    }
}

/// The buffers of a row, in one piece of memory: one a column, as long as the column's longest value in this result.
@safe private final class ResultBuffers {
    enum Kind {
        case integer, unsigned, double, wholeDecimal, time, text, bytes

        /// The type as libmariadb is to deliver it.
        var delivered: enum_field_types {
            switch self {
            case .integer, .unsigned: MYSQL_TYPE_LONGLONG
            case .double: MYSQL_TYPE_DOUBLE
            case .time: MYSQL_TYPE_DATETIME
            case .wholeDecimal, .text, .bytes: MYSQL_TYPE_BLOB
            }
        }

        /// Returns the length of its values, of which the longest has so many bytes as it is sent.
        func size(longest: CUnsignedLong) -> Int {
            switch self {
            case .integer, .unsigned, .double: 8
            case .time: MemoryLayout<MYSQL_TIME>.size
            case .wholeDecimal, .text, .bytes: Int(longest)
            }
        }
    }

    /// The buffers that libmariadb fills in for a column.
    @safe struct Column {
        let kind: Kind
        let buffer: UnsafeMutableRawPointer
        let length: UnsafeMutablePointer<CUnsignedLong>
        let isNull: UnsafeMutablePointer<my_bool>

        var count: Int { unsafe Int(length.pointee) }

        var text: String {
            unsafe String(decoding: UnsafeRawBufferPointer(start: buffer, count: count), as: UTF8.self)
        }
    }

    /// Enough for every kind of value.
    private static let alignment = 16

    let binds: UnsafeMutablePointer<MYSQL_BIND>
    private let lengths: UnsafeMutablePointer<CUnsignedLong>
    private let nulls: UnsafeMutablePointer<my_bool>
    private let values: UnsafeMutableRawPointer
    private var columns: [Column] = []

    init(_ fields: UnsafeBufferPointer<MYSQL_FIELD>) {
        let count = fields.count
        unsafe binds = .allocate(capacity: count)
        unsafe binds.initialize(repeating: MYSQL_BIND(), count: count)
        unsafe lengths = .allocate(capacity: count)
        unsafe lengths.initialize(repeating: 0, count: count)
        unsafe nulls = .allocate(capacity: count)
        unsafe nulls.initialize(repeating: 0, count: count)

        let kinds = unsafe fields.map { unsafe Self.kind(of: $0) }
        let sizes = unsafe zip(kinds, fields).map { kind, field in unsafe kind.size(longest: field.max_length) }
        let room = sizes.map { ($0 / Self.alignment + 1) * Self.alignment }
        unsafe values = .allocate(byteCount: room.reduce(0, +), alignment: Self.alignment)
        columns.reserveCapacity(count)
        var offset = 0
        for (index, kind) in kinds.enumerated() {
            let column = unsafe Column(
                kind: kind,
                buffer: values + offset,
                length: lengths + index,
                isNull: nulls + index
            )
            unsafe binds[index].buffer_type = kind.delivered
            unsafe binds[index].is_unsigned = kind == .unsigned ? 1 : 0
            unsafe binds[index].buffer = unsafe column.buffer
            unsafe binds[index].buffer_length = CUnsignedLong(sizes[index])
            unsafe binds[index].length = unsafe column.length
            unsafe binds[index].is_null = unsafe column.isNull
            columns.append(column)
            offset += room[index]
        }
    }

    deinit {
        unsafe values.deallocate()
        unsafe nulls.deallocate()
        unsafe lengths.deallocate()
        unsafe binds.deallocate()
    }

    /// Copies the row that was just fetched.
    func row() -> [SQLValue] {
        columns.map { column in
            guard unsafe column.isNull.pointee == 0 else { return .null }
            switch column.kind {
            case .integer: return unsafe .integer(column.buffer.load(as: Int64.self))
            case .unsigned: return unsafe .unsigned(column.buffer.load(as: UInt64.self))
            case .double: return unsafe .double(column.buffer.load(as: Double.self))
            case .time: return unsafe .timestamp(Timestamp(column.buffer.load(as: MYSQL_TIME.self)))
            case .wholeDecimal:
                // What SUM and COALESCE make of integers; one that no Int64 holds stays text, which no integer reads.
                let digits = column.text
                return Int64(digits).map { .integer($0) } ?? .text(digits)
            case .text: return .text(column.text)
            case .bytes: return unsafe .bytes(Array(UnsafeRawBufferPointer(start: column.buffer, count: column.count)))
            }
        }
    }

    private static func kind(of field: MYSQL_FIELD) -> Kind {
        /// The "binary" character set: the column holds bytes, not text.
        let binaryCharacterSet: UInt32 = 63
        switch unsafe field.type {
        case MYSQL_TYPE_TINY, MYSQL_TYPE_SHORT, MYSQL_TYPE_INT24, MYSQL_TYPE_LONG, MYSQL_TYPE_LONGLONG, MYSQL_TYPE_YEAR:
            return unsafe field.flags & UInt32(UNSIGNED_FLAG) != 0 ? .unsigned : .integer
        case MYSQL_TYPE_FLOAT, MYSQL_TYPE_DOUBLE: return .double
        case MYSQL_TYPE_DATETIME, MYSQL_TYPE_TIMESTAMP, MYSQL_TYPE_DATE: return .time
        case MYSQL_TYPE_DECIMAL, MYSQL_TYPE_NEWDECIMAL: return unsafe field.decimals == 0 ? .wholeDecimal : .text
        default: return unsafe field.charsetnr == binaryCharacterSet ? .bytes : .text
        }
    }
}

extension Timestamp {
    /// Reads a DATETIME; the strict sql_mode keeps dates that do not exist out of every column.
    fileprivate init(_ time: MYSQL_TIME) {
        guard
            let value = Timestamp(
                year: Int(time.year),
                month: Int(time.month),
                day: Int(time.day),
                hour: Int(time.hour),
                minute: Int(time.minute),
                second: Int(time.second),
                microsecond: Int(time.second_part)
            )
        else { preconditionFailure("the database returned a date that does not exist") }
        self = value
    }
}

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

    /// Reads every row; `fail` turns the statement's error into a thrown one.
    func readAll(fail: () throws(DatabaseError) -> Never) throws(DatabaseError) -> [Row] {
        // With the true maximal lengths known before binding, no value is ever cut or fetched twice.
        var updateMaxLength: my_bool = 1
        unsafe mysql_stmt_attr_set(statement, STMT_ATTR_UPDATE_MAX_LENGTH, &updateMaxLength)
        if unsafe mysql_stmt_store_result(statement) != 0 { try fail() }
        guard let metadata = unsafe mysql_stmt_result_metadata(statement) else { try fail() }
        defer { unsafe mysql_free_result(metadata) }

        let buffers = unsafe ResultBuffers(metadata)
        if unsafe mysql_stmt_bind_result(statement, buffers.binds) != 0 { try fail() }
        let layout = ColumnLayout(names: buffers.names, statement: text)
        var rows: [Row] = []
        rows.reserveCapacity(unsafe Int(mysql_stmt_num_rows(statement)))
        while true {
            switch unsafe mysql_stmt_fetch(statement) {
            case 0: rows.append(Row(layout: layout, values: buffers.values()))
            case MYSQL_NO_DATA: return rows
            case MYSQL_DATA_TRUNCATED: preconditionFailure("a result buffer is shorter than the longest value")
            default: try fail()
            }
        }
    }
}

/// One buffer a column, as long as the column's longest value in this result.
@safe private final class ResultBuffers {
    enum Kind {
        case integer, unsigned, double, wholeDecimal, time, text, bytes
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

    private(set) var binds: UnsafeMutablePointer<MYSQL_BIND>
    private(set) var names: [String] = []
    private var columns: [Column] = []

    init(_ metadata: UnsafeMutablePointer<MYSQL_RES>) {
        let count = unsafe Int(mysql_num_fields(metadata))
        unsafe binds = .allocate(capacity: count)
        unsafe binds.initialize(repeating: MYSQL_BIND(), count: count)
        for index in 0..<count {
            guard let field = unsafe mysql_fetch_field_direct(metadata, UInt32(index)) else { continue }
            unsafe add(index, field.pointee)
        }
    }

    deinit {
        for column in columns {
            unsafe column.buffer.deallocate()
            unsafe column.length.deallocate()
            unsafe column.isNull.deallocate()
        }
        unsafe binds.deallocate()
    }

    private func add(_ index: Int, _ field: MYSQL_FIELD) {
        let kind = unsafe Self.kind(of: field)
        let size: Int =
            switch kind {
            case .integer, .unsigned, .double: 8
            case .time: MemoryLayout<MYSQL_TIME>.size
            case .wholeDecimal, .text, .bytes: unsafe Int(field.max_length)
            }
        let column = unsafe Column(
            kind: kind,
            buffer: .allocate(byteCount: max(size, 1), alignment: 16),
            length: .allocate(capacity: 1),
            isNull: .allocate(capacity: 1)
        )
        unsafe column.length.initialize(to: 0)
        unsafe column.isNull.initialize(to: 0)
        unsafe binds[index].buffer_type =
            switch kind {
            case .integer, .unsigned: MYSQL_TYPE_LONGLONG
            case .double: MYSQL_TYPE_DOUBLE
            case .time: MYSQL_TYPE_DATETIME
            case .wholeDecimal, .text, .bytes: MYSQL_TYPE_BLOB
            }
        unsafe binds[index].is_unsigned = kind == .unsigned ? 1 : 0
        unsafe binds[index].buffer = unsafe column.buffer
        unsafe binds[index].buffer_length = CUnsignedLong(size)
        unsafe binds[index].length = unsafe column.length
        unsafe binds[index].is_null = unsafe column.isNull
        columns.append(column)
        unsafe names.append(String(cString: field.name))
    }

    /// Copies the row that was just fetched.
    func values() -> [SQLValue] {
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

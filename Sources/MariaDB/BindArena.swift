import CMariaDB

/// The memory that `MYSQL_BIND`s point into: one block for each value, stable until the statement has run.
///
/// Parameters are laid out column by column. With more than one set of values (array binding) a column is an array of
/// pointers with arrays of lengths and indicators, so all values of a column share the type of its first non-NULL one.
@safe final class BindArena {
    private(set) var binds: UnsafeMutablePointer<MYSQL_BIND>
    private let columnCount: Int
    private var blocks: [UnsafeMutableRawPointer] = unsafe []

    init(_ rows: [[SQLValue]]) {
        columnCount = rows.first?.count ?? 0
        unsafe binds = .allocate(capacity: max(1, columnCount))
        unsafe binds.initialize(repeating: MYSQL_BIND(), count: max(1, columnCount))
        for column in 0..<columnCount {
            if rows.count == 1 {
                bind(column, rows[0][column])
            } else {
                bindArray(column, rows.map { $0[column] })
            }
        }
    }

    deinit {
        unsafe blocks.forEach { unsafe $0.deallocate() }
        unsafe binds.deallocate()
    }

    private func bind(_ column: Int, _ value: SQLValue) {
        let type = Self.type(of: value)
        unsafe binds[column].buffer_type = type
        unsafe binds[column].is_unsigned = Self.isUnsigned(value) ? 1 : 0
        guard let (buffer, length) = unsafe copy(value) else { return }
        unsafe binds[column].buffer = unsafe buffer
        unsafe binds[column].buffer_length = CUnsignedLong(length)
        let lengths = unsafe block(of: CUnsignedLong.self, count: 1)
        unsafe lengths[0] = CUnsignedLong(length)
        unsafe binds[column].length = unsafe lengths
    }

    private func bindArray(_ column: Int, _ values: [SQLValue]) {
        let sample = values.first { $0 != .null } ?? .null
        let type = Self.type(of: sample)
        let indicators = unsafe block(of: CChar.self, count: values.count)
        unsafe binds[column].buffer_type = type
        unsafe binds[column].is_unsigned = Self.isUnsigned(sample) ? 1 : 0
        unsafe binds[column].u.indicator = unsafe indicators
        for (row, value) in values.enumerated() {
            unsafe indicators[row] =
                value == .null ? CChar(STMT_INDICATOR_NULL.rawValue) : CChar(STMT_INDICATOR_NONE.rawValue)
            precondition(
                value == .null || Self.type(of: value) == type,
                "a column of an array binding holds values of one type"
            )
        }
        switch sample {
        case .integer, .unsigned:
            let numbers = unsafe block(of: UInt64.self, count: values.count)
            for (row, value) in values.enumerated() { unsafe numbers[row] = Self.bits(value) }
            unsafe binds[column].buffer = UnsafeMutableRawPointer(numbers)
        case .double:
            let numbers = unsafe block(of: Double.self, count: values.count)
            for (row, value) in values.enumerated() {
                if case .double(let number) = value { unsafe numbers[row] = number }
            }
            unsafe binds[column].buffer = UnsafeMutableRawPointer(numbers)
        case .null, .text, .bytes, .timestamp:
            let pointers = unsafe block(of: UnsafeMutableRawPointer?.self, count: values.count)
            let lengths = unsafe block(of: CUnsignedLong.self, count: values.count)
            for (row, value) in values.enumerated() {
                let copied = unsafe copy(value)
                unsafe pointers[row] = copied?.0
                unsafe lengths[row] = unsafe CUnsignedLong(copied?.1 ?? 0)
            }
            unsafe binds[column].buffer = UnsafeMutableRawPointer(pointers)
            unsafe binds[column].length = unsafe lengths
        }
    }

    /// Copies a value into a block of its own; nil for NULL.
    private func copy(_ value: SQLValue) -> (UnsafeMutableRawPointer, Int)? {
        switch value {
        case .null: return nil
        case .integer, .unsigned:
            let number = unsafe block(of: UInt64.self, count: 1)
            unsafe number[0] = Self.bits(value)
            return (UnsafeMutableRawPointer(number), 8)
        case .double(let double):
            let number = unsafe block(of: Double.self, count: 1)
            unsafe number[0] = double
            return (UnsafeMutableRawPointer(number), 8)
        case .text(let text): return unsafe copy(bytes: Array(text.utf8))
        case .bytes(let bytes): return unsafe copy(bytes: bytes)
        case .timestamp(let timestamp): return unsafe copy(bytes: Array(timestamp.literal.utf8))
        }
    }

    private func copy(bytes: [UInt8]) -> (UnsafeMutableRawPointer, Int) {
        let pointer = unsafe block(of: UInt8.self, count: bytes.count)
        unsafe bytes.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { unsafe pointer.update(from: base, count: bytes.count) }
        }
        return (UnsafeMutableRawPointer(pointer), bytes.count)
    }

    private func block<Element>(of type: Element.Type, count: Int) -> UnsafeMutablePointer<Element> {
        let size = max(1, count)
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<Element>.stride * size,
            alignment: MemoryLayout<Element>.alignment
        )
        unsafe raw.initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<Element>.stride * size)
        unsafe blocks.append(raw)
        return unsafe raw.assumingMemoryBound(to: Element.self)
    }

    private static func type(of value: SQLValue) -> enum_field_types {
        switch value {
        case .null: MYSQL_TYPE_NULL
        case .integer, .unsigned: MYSQL_TYPE_LONGLONG
        case .double: MYSQL_TYPE_DOUBLE
        case .text, .timestamp: MYSQL_TYPE_STRING
        case .bytes: MYSQL_TYPE_BLOB
        }
    }

    private static func isUnsigned(_ value: SQLValue) -> Bool {
        if case .unsigned = value { true } else { false }
    }

    private static func bits(_ value: SQLValue) -> UInt64 {
        switch value {
        case .integer(let number): UInt64(bitPattern: number)
        case .unsigned(let number): number
        default: 0
        }
    }
}

extension Duration {
    /// Microseconds, the unit of the database's clock; what is finer is dropped.
    package var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }

    /// Creates a duration of whole microseconds.
    package init(wholeMicroseconds: Int64) {
        self = .microseconds(wholeMicroseconds)
    }
}

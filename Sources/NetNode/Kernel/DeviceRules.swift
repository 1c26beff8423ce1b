/// Rules of nftables for devices whose names begin in one of several ways.
///
/// One rule for each beginning, and not one with a set of them: such a set is one of intervals, and the kernel fills a
/// set of intervals only after it has begun to use the rules that look it up. While a table is made anew, as at each
/// renewal of an open gate, those rules would match nothing for some microseconds, and drop or let pass what they
/// should not. (Seen on 6.18: one datagram of a thousand, at 50 tables a second.)
enum DeviceRules {
    /// The expression that a frame came in, or goes out, by a device.
    enum Direction: String {
        case from = "iifname"
        case to = "oifname"
    }

    /// Returns the rules, a line each.
    static func each(_ prefixes: [String], _ direction: Direction, _ statement: String) -> String {
        prefixes.map { "\(direction.rawValue) \"\($0)*\" \(statement)" }.joined(separator: "\n    ")
    }
}

/// The complaints of `ip -batch` and `bridge -batch`, by the line of their input; pure.
///
/// Each complaint is followed by `Command failed -:` and the number of the line.
enum BatchComplaints {
    private static let mark = "Command failed -:"

    /// Reads stderr, whose beginning may be missing.
    ///
    /// - Returns: The last message before the mark of a line, by the line's number, from 1.
    static func byLine(_ text: String) -> [Int: String] {
        var complaints: [Int: String] = [:]
        var last: String?
        for line in text.split(separator: "\n").map(String.init) {
            if line.hasPrefix(mark), let number = Int(line.dropFirst(mark.count)) {
                complaints[number] = last
                last = nil
            } else {
                last = line
            }
        }
        return complaints
    }
}

/// The style of the cells of a table; pure.
///
/// The text itself never changes, so that columns stand the same with colours and without.
enum TextStyle {
    case plain
    case coloured

    private static let bold = "1"
    private static let colours: [(words: Set<String>, code: String)] = [
        (["error", "aborted", "failed", "unhealthy", "findings", "critical"], red),
        (["complete", "healthy", "running", "ok"], "32"),
        (["executing", "folded", "draining", "warning"], "33"),
    ]
    private static let red = "31"

    /// A cell, with what makes a terminal show it so.
    func styled(_ text: String, isTitle: Bool, isAlarm: Bool = false) -> String {
        guard case .coloured = self, !text.isEmpty else { return text }
        let code = isTitle ? Self.bold : isAlarm ? Self.red : Self.colours.first { $0.words.contains(text) }?.code
        return code.map { "\u{1b}[\($0)m\(text)\u{1b}[0m" } ?? text
    }
}

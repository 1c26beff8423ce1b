/// Shows on a terminal how far a command has come that works in batches.
struct BulkProgress {
    private let isShown = Terminal.showsProgress

    func show(_ text: String) {
        if isShown { Talk.progress(text) }
    }

    /// Takes away what was shown, before an answer or a question.
    func clear() {
        if isShown { Talk.progress("") }
    }
}

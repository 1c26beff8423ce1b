import ClusterModel

extension TopPage {
    /// Draws all that is known of an operation or a node, as `op show` and `node show` print it.
    func detail(of row: TopRow, _ screen: inout Screen) {
        let lines = detailLines
        if dialogue.detail == nil { screen.put("reading …", row: headRows) }
        for (offset, line) in lines.dropFirst(min(dialogue.scroll, mostScrolled)).prefix(detailRows).enumerated() {
            screen.put(
                line.text,
                row: headRows + offset,
                look: line.isAlarm ? .red : line.isTitle ? .bold : .plain
            )
        }
    }

    /// The lines of the detail that find no room.
    var mostScrolled: Int { max(0, detailLines.count - detailRows) }

    private var detailRows: Int { max(0, rows - 1 - headRows) }

    private var detailLines: [TextTable.Line] { dialogue.detail?.lines(width: columns) ?? [] }

    /// Draws the keys.
    func help(_ screen: inout Screen) {
        let keys = [
            ("up, down", "go to another row, also k and j, page up and page down"),
            ("enter", "show all that is known of the operation or node"),
            ("r", "retry the operation, after a question"),
            ("c", "cancel the operation, after a question"),
            ("s", "sort the lists by time, node or task"),
            ("/", "show only rows with a word"),
            ("l", "show only rows of a lane: the next one at each press"),
            ("tab", "show only one part: the next one at each press"),
            ("space", "hold the page, and go on"),
            ("esc", "close this, or the detail; show all again"),
            ("q", "quit"),
        ]
        for (offset, key) in keys.enumerated() {
            screen.put("  " + key.0.filled(12) + key.1, row: headRows + offset)
        }
    }
}

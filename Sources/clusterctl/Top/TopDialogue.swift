import ClusterModel

/// The state of what a person does at the keys of `top`: what is open, what was asked, and what is to be asked of the
/// database; pure.
///
/// One request is with the database at a time. Nothing is changed but by the answer `y` to a question.
struct TopDialogue: Equatable {
    /// A message until the next key.
    struct Note: Equatable {
        let text: String
        let isRefusal: Bool
    }

    private(set) var choice = TopChoice()
    /// The row whose detail is open.
    private(set) var opened: TopRow?
    /// The detail as it was read last.
    private(set) var detail: TextTable?
    private var detailState: OperationState?
    /// Lines of the detail that are above the page.
    private(set) var scroll = 0
    private(set) var isHelp = false
    private(set) var question: TopQuestion?
    private(set) var note: Note?
    private(set) var isOver = false
    /// The request that is with the database.
    private(set) var outstanding: TopRequest?
    private var next: TopRequest?
    private var isLeaving = false

    /// Takes a key.
    ///
    /// - Parameters:
    ///   - key: What was pressed.
    ///   - rows: The rows that are shown.
    ///   - mostScrolled: The lines of the detail that do not fit the page.
    mutating func take(_ key: TopKey, among rows: [TopRow] = [], mostScrolled: Int = 0) {
        note = nil
        if let question { return answer(question, key) }
        if choice.isTyping { return choice.take(key, among: rows) }
        switch key {
        case .character("q"), .character("Q"): return leave()
        case .character("?"): isHelp.toggle()
        case _ where isHelp: isHelp = false
        case .character("r"): ask(.retry, of: subject(among: rows))
        case .character("c"): ask(.cancel, of: subject(among: rows))
        case _ where opened != nil: takeInDetail(key, mostScrolled)
        case .enter: open(subject(among: rows))
        default: choice.take(key, among: rows)
        }
        isLeaving = false
    }

    private mutating func takeInDetail(_ key: TopKey, _ most: Int) {
        func scrolled(_ lines: Int) -> Int { max(0, min(most, scroll + lines)) }
        switch key {
        case .escape, .enter: (opened, detail, detailState) = (nil, nil, nil)
        case .up, .character("k"): scroll = scrolled(-1)
        case .down, .character("j"): scroll = scrolled(1)
        case .pageUp: scroll = scrolled(-TopChoice.pageOfRows)
        case .pageDown: scroll = scrolled(TopChoice.pageOfRows)
        default: break
        }
    }

    /// The row that an action is about.
    private func subject(among rows: [TopRow]) -> TopRow? { opened ?? choice.place(among: rows).map { rows[$0] } }

    private mutating func open(_ row: TopRow?) {
        guard let row else { return }
        (opened, detail, detailState, scroll) = (row, nil, nil, 0)
        refresh()
    }

    // MARK: Actions

    private mutating func ask(_ action: TopAction, of row: TopRow?) {
        guard let row, let operation = row.operation else {
            return refuse("select an operation to \(action.word) it")
        }
        guard !isActing else { return refuse("wait for the answer of the database") }
        if let reason = action.refusal(in: detailState ?? operation.state) { return refuse(reason) }
        let text = "\(action.word) operation \(operation.id) (\(row.tasks))?"
        question = TopQuestion(action: action, operation: operation.id, text: text)
    }

    private mutating func answer(_ question: TopQuestion, _ key: TopKey) {
        self.question = nil
        if key == .character("y") || key == .character("Y") {
            next = .act(question.action, question.operation)
        } else {
            note = Note(text: "nothing was changed", isRefusal: false)
        }
    }

    private mutating func refuse(_ reason: String) { note = Note(text: reason, isRefusal: true) }

    /// A change of which it is not known yet whether it was made.
    private var isActing: Bool {
        [outstanding, next].contains { request in
            if case .act = request { true } else { false }
        }
    }

    /// Ends it; while a change is with the database, only when that was said.
    private mutating func leave() {
        guard isActing, !isLeaving else { return isOver = true }
        isLeaving = true
        refuse("the database has not answered yet: q again leaves without knowing what was done")
    }

    // MARK: The database

    /// Asks again for the detail that is open, if there is one.
    mutating func refresh() {
        guard let opened, next == nil else { return }
        next = .show(opened.id)
    }

    /// The request to send, if there is one and none is on its way.
    mutating func nextRequest() -> TopRequest? {
        guard outstanding == nil, let request = next else { return nil }
        (outstanding, next) = (request, nil)
        return request
    }

    /// Takes the answer to the request that was sent.
    mutating func take(_ answer: TopAnswer) {
        outstanding = nil
        switch answer {
        case .detail(let id, let table, let state):
            // It may have been closed meanwhile.
            if id == opened?.id { (detail, detailState) = (table, state) }
        case .done(let text):
            note = Note(text: text, isRefusal: false)
            refresh()
        case .refused(let reason): refuse(reason)
        }
    }
}

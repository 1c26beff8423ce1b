import ClusterModel

/// The choice of the person at the keys of what to see; pure.
struct TopChoice: Equatable {
    /// A part of the page that may have it for itself.
    enum Part: CaseIterable {
        case all, running, failures, nodes
    }

    /// The order of the rows of each list.
    enum Order: String, CaseIterable {
        /// The longest runs, the last failures, and the nodes that need a look first.
        case time
        case node, task
    }

    /// Characters of a filter: the longest name.
    private static let longestFilter = 63
    /// Rows that a key for a page goes over.
    static let pageOfRows = 10

    private(set) var part = Part.all
    private(set) var lane: Lane?
    private(set) var filter = ""
    private(set) var order = Order.time
    /// A Boolean value that indicates whether keys are letters of the filter.
    private(set) var isTyping = false
    /// A Boolean value that indicates whether the page stays as it is.
    private(set) var isHeld = false
    /// The row that the person has gone to.
    private var selected: TopRow.ID?
    /// The place of that row then.
    private var selectedPlace = 0

    /// Takes a key; `rows` are those that are shown.
    mutating func take(_ key: TopKey, among rows: [TopRow] = []) {
        if isTyping { return type(key) }
        switch key {
        case .character("/"): isTyping = true
        case .character(" "): isHeld.toggle()
        case .character("l"): lane = Self.after(lane, of: Lane.allCases.sorted())
        case .character("s"): order = Self.after(order, of: Order.allCases) ?? .time
        case .tab: part = Self.after(part, of: Part.allCases) ?? .all
        case .up, .character("k"): go(-1, among: rows)
        case .down, .character("j"): go(1, among: rows)
        case .pageUp: go(-Self.pageOfRows, among: rows)
        case .pageDown: go(Self.pageOfRows, among: rows)
        case .escape:
            (part, lane, filter, order) = (.all, nil, "", .time)
            (selected, selectedPlace) = (nil, 0)
        default: break
        }
    }

    private mutating func type(_ key: TopKey) {
        switch key {
        case .character(let character) where filter.count < Self.longestFilter: filter.append(character)
        case .erase: if !filter.isEmpty { filter.removeLast() }
        case .eraseAll: filter = ""
        case .enter: isTyping = false
        case .escape: (isTyping, filter) = (false, "")
        case .character, .tab, .up, .down, .pageUp, .pageDown: break
        }
    }

    private mutating func go(_ steps: Int, among rows: [TopRow]) {
        guard let place = place(among: rows) else { return }
        let next = max(0, min(rows.count - 1, place + steps))
        (selected, selectedPlace) = (rows[next].id, next)
    }

    /// The place of the selected row; if that is gone, the row that stands there now.
    func place(among rows: [TopRow]) -> Int? {
        guard !rows.isEmpty else { return nil }
        return rows.firstIndex { $0.id == selected } ?? min(selectedPlace, rows.count - 1)
    }

    /// The one after, or none after the last; the first after none.
    private static func after<Value: Equatable>(_ value: Value?, of all: [Value]) -> Value? {
        guard let index = value.flatMap({ all.firstIndex(of: $0) }) else { return all.first }
        return index + 1 < all.count ? all[index + 1] : nil
    }

    /// Returns whether a line is wanted that is about these words, and a lane, if it has one.
    func wants(_ words: [String], lane: Lane?) -> Bool {
        if let wanted = self.lane, let lane, lane != wanted { return false }
        return filter.isEmpty || words.contains { $0.lowercased().contains(filter.lowercased()) }
    }
}

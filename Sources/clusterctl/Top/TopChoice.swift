import ClusterModel
import ClusterStore

/// The choice of the person at the keys of what to see; pure.
struct TopChoice: Equatable {
    /// A part of the page that may have it for itself.
    enum Part: CaseIterable {
        case all, running, failures, nodes
    }

    /// Characters of a filter: the longest name.
    private static let longestFilter = 63

    private(set) var part = Part.all
    private(set) var lane: Lane?
    private(set) var filter = ""
    /// A Boolean value that indicates whether keys are letters of the filter.
    private(set) var isTyping = false
    /// A Boolean value that indicates whether the page stays as it is.
    private(set) var isHeld = false
    private(set) var isOver = false

    /// Takes a key.
    mutating func take(_ key: TopKey) {
        if isTyping { return type(key) }
        switch key {
        case .character("q"), .character("Q"): isOver = true
        case .character("/"): isTyping = true
        case .character(" "): isHeld.toggle()
        case .character("l"): lane = Self.after(lane, of: Lane.allCases.sorted())
        case .tab: part = Self.after(part, of: Part.allCases) ?? .all
        case .escape: (part, lane, filter) = (.all, nil, "")
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
        case .character, .tab: break
        }
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

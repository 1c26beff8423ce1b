/// The observations of a hammer.
public struct HammerReport: Sendable, CustomStringConvertible {
    /// The seed from which every choice followed.
    public let seed: UInt64
    /// The figures, in the order in which they are printed.
    public internal(set) var figures: [(name: String, count: Int)] = []
    /// Promises that were broken, the first few of each kind.
    public internal(set) var violations: [String] = []
    /// The events that did not happen, without which the run proves nothing.
    public internal(set) var missing: [String] = []

    init(seed: UInt64) {
        self.seed = seed
    }

    /// A figure by its name; 0 when there is none.
    public subscript(name: String) -> Int { figures.first { $0.name == name }?.count ?? 0 }

    /// 0 when all promises were kept; 1 when one was broken; 2 when the run proves nothing.
    public var exitCode: Int32 { violations.isEmpty ? (missing.isEmpty ? 0 : 2) : 1 }

    /// One figure a line, then what is wrong.
    public var description: String {
        var lines = ["seed \(seed)"]
        lines += figures.map { "\($0.name): \($0.count)" }
        lines += violations.map { "BROKEN: \($0)" }
        lines += missing.map { "PROVES NOTHING: \($0)" }
        return lines.joined(separator: "\n")
    }

    mutating func add(_ name: String, _ count: Int) {
        figures.append((name, count))
    }

    /// A figure that must not be 0: what it counts is what the run is about.
    mutating func require(_ name: String, _ count: Int) {
        add(name, count)
        if count == 0 { missing.append("no \(name)") }
    }

    /// Things that must not be; the figure is their number, the first of them are shown.
    mutating func refuse(_ name: String, _ found: [String]) {
        add(name, found.count)
        violations += found.prefix(Self.mostShown).map { "\(name): \($0)" }
    }

    /// Of each kind of violation; a broken engine breaks thousands alike.
    private static let mostShown = 5
}

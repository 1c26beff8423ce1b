import Foundation

/// Waits in classes that grow with them, so that a quantile is off by the same share whether it is a millisecond or a day; pure.
struct WaitHistogram: Sendable {
    /// Classes for each doubling: a class is 2.2 % wide, its middle at most 1.1 % off.
    static let classesPerDoubling = 32

    private(set) var count = 0
    private var counts: [Int: Int] = [:]
    private var longest: Int64 = 0

    /// Adds waits of one class; `longest` is the longest of them, in microseconds.
    mutating func add(_ number: Int, of waitClass: Int, longest: Int64) {
        count += number
        counts[waitClass, default: 0] += number
        self.longest = max(self.longest, longest)
    }

    /// The wait in seconds that a share of all does not exceed; nil when there is none.
    func quantile(_ share: Double) -> Double? {
        guard count > 0 else { return nil }
        var left = max(1, Int((share * Double(count)).rounded(.up)))
        for (waitClass, number) in counts.sorted(by: { $0.key < $1.key }) {
            left -= number
            if left <= 0 { return min(Self.middle(of: waitClass), Double(longest)) / 1_000_000 }
        }
        return Double(longest) / 1_000_000
    }

    var waits: Waits {
        Waits(
            n: count,
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            max: count > 0 ? Double(longest) / 1_000_000 : nil
        )
    }

    /// Class `FLOOR(LOG2(microseconds + 1) × 32)`, as the statement has it.
    private static func middle(of waitClass: Int) -> Double {
        max(0, exp2((Double(waitClass) + 0.5) / Double(classesPerDoubling)) - 1)
    }
}

extension WaitsView {
    /// Sums up what a look at the history has found; pure.
    init(_ classes: [WaitStatements.Class], sampleLimit: Int) {
        struct Pair {
            var all = WaitHistogram()
            var undeferred = WaitHistogram()

            mutating func add(_ line: WaitStatements.Class, _ wait: (number: Int, longest: Int64)) {
                all.add(line.count, of: wait.number, longest: wait.longest)
                if !line.isDeferred { undeferred.add(line.count, of: wait.number, longest: wait.longest) }
            }
        }
        var lanes: [Lane: Pair] = [:]
        var tasks: [TaskName: Pair] = [:]
        for line in classes {
            guard let wait = line.wait else { continue }
            lanes[line.lane, default: Pair()].add(line, wait)
            for task in Set(line.tasks) { tasks[task, default: Pair()].add(line, wait) }
        }
        self.sampleLimit = sampleLimit
        let sampled = classes.reduce(0) { $0 + $1.count }
        self.sampled = sampled
        capped = sampled >= sampleLimit
        self.lanes = lanes.sorted { $0.key < $1.key }
            .map { LaneWaits(lane: $0.key, all: $0.value.all.waits, undeferred: $0.value.undeferred.waits) }
        self.tasks = tasks.sorted { $0.key < $1.key }
            .map { TaskWaits(task: $0.key, all: $0.value.all.waits, undeferred: $0.value.undeferred.waits) }
        since = classes.map(\.oldest).min()
    }
}

import ClusterModel
import ClusterStore

extension WaitHistogram {
    package var waits: Waits {
        Waits(
            n: count,
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            max: longestSeconds
        )
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

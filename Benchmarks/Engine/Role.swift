import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Foundation
import Glibc
import MariaDB

/// One part in a run of `Benchmarks/run`: a program behind a gate, on a database that somebody else has made, as the
/// programs of other queues are.
///
/// `Benchmarks/Harness/processes.py` is the other side of the gate.
struct Role: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "role",
        abstract: "Take a part in a run of Benchmarks/run, which sets the environment.",
        subcommands: [Enqueue.self, Work.self, Latency.self]
    )

    struct Enqueue: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Enqueue operations that do nothing.")

        @Argument(help: "How many.") var count: Int
        @Argument(help: "How many in one call.") var size: Int

        func run() async throws {
            var request = OperationRequest(tasks: [BuiltInTask.noop.name])
            let calls = count / size
            if Beat.isSet { request.parameters = Beat.parameters }
            try await Part().run { [request] part in
                let begin = Date().timeIntervalSince1970
                var took: [Double] = []
                var beat = Beat()
                while took.count < calls, try await beat.next() {
                    let asked = ContinuousClock.now
                    if size == 1 {
                        _ = try await part.queue.enqueue(request)
                    } else {
                        _ = try await part.queue.enqueue(request, count: size)
                    }
                    took.append((ContinuousClock.now - asked) / .seconds(1))
                }
                try part.say(Answer(begin: begin, end: Date().timeIntervalSince1970, calls: took))
            }
        }

        private struct Answer: Encodable {
            let begin: Double
            let end: Double
            let calls: [Double]
        }
    }

    struct Work: AsyncParsableCommand {
        /// The time after which it ends by itself, should nobody end it.
        private static let longest = Duration.seconds(3600)

        static let configuration = CommandConfiguration(abstract: "Run operations, and write down when each starts.")

        @Argument(help: "How many at once.") var slots: Int

        func run() async throws {
            let starts = try Starts()
            let handler = CallingHandler(definition: BuiltInTask.noop.definition) { operation in
                // Of the load nobody asks when it starts.
                if operation.parameters == nil { starts.add() }
            }
            let part = try Part()
            try await Floor(cluster: part.cluster, handlers: [handler], workers: 1, slots: slots).run { _ in
                try await part.run { _ in
                    // The workers do the work; a signal of the harness ends them all.
                    try await Task.sleep(for: Self.longest)
                }
            }
        }
    }

    struct Latency: AsyncParsableCommand {
        /// The time in which a worker that has ended an operation comes to rest.
        private static let rest = Duration.milliseconds(10)
        private static let longest = Duration.seconds(30)

        static let configuration = CommandConfiguration(abstract: "Enqueue one operation after the other, to its end.")

        @Argument(help: "How many.") var count: Int

        func run() async throws {
            let request = OperationRequest(tasks: [BuiltInTask.noop.name])
            try await Part().run { part in
                var answer = Answer()
                for _ in 0..<count {
                    answer.asked.append(Starts.now)
                    let id = try await part.queue.enqueue(request).uuid
                    guard try await part.queue.outcome(of: id, timeout: Self.longest) != nil else {
                        throw ValidationError("an operation has not ended within \(Self.longest)")
                    }
                    answer.ended.append(Starts.now)
                    // What is measured is an idle queue.
                    try await Task.sleep(for: Self.rest)
                }
                try part.say(answer)
            }
        }

        private struct Answer: Encodable {
            var asked: [Double] = []
            var ended: [Double] = []
        }
    }
}

/// The database of a run, and the gate.
private struct Part {
    let cluster: TestCluster
    let queue: ClusterEngine.OperationQueue

    init() throws {
        let environment = ProcessInfo.processInfo.environment
        guard let socket = environment["CLUSTEROPS_DATABASE_SOCKET"], let name = environment["CLUSTEROPS_DATABASE_NAME"]
        else { throw ValidationError("Benchmarks/run sets CLUSTEROPS_DATABASE_SOCKET and CLUSTEROPS_DATABASE_NAME") }
        let configuration = ConnectionConfiguration(endpoint: .socket(socket), user: "root", schema: name)
        let database = Database(configuration, pool: Database.PoolConfiguration(), logger: .silent)
        let counters = CoalescingCounters(database: database)
        cluster = TestCluster(database: database, configuration: configuration, counters: counters)
        queue = ClusterEngine.OperationQueue(
            database: database,
            requester: "bench",
            counters: counters,
            waker: DoorbellWaker(database: database, sender: DoorbellSender(logger: .silent))
        )
    }

    /// Runs a body once all others are connected, too.
    func run(_ body: @Sendable (Part) async throws -> Void) async throws {
        _ = try await cluster.count("SELECT 1")
        print("ready")
        fflush(nil)
        guard Self.takeLine() else { return }
        try await body(self)
        await cluster.database.close()
    }

    /// Waits for a line of input, byte by byte: one that has come after it stays in sight of who polls for it.
    ///
    /// - Returns: False at the end of the input.
    private static func takeLine() -> Bool {
        var byte: UInt8 = 0
        while read(STDIN_FILENO, &byte, 1) == 1 {
            if byte == UInt8(ascii: "\n") { return true }
        }
        return false
    }

    func say(_ answer: some Encodable) throws {
        print(String(decoding: try JSONEncoder().encode(answer), as: UTF8.self))
        fflush(nil)
    }
}

/// The moments of a caller's calls: one after the other, or in turn with BENCH_EVERY, in seconds, until the harness
/// says one more line; then they are a load beside what is measured.
private struct Beat {
    /// By which a worker knows an operation of the load.
    static let parameters = #"{"load": true}"#
    static var isSet: Bool { every != nil }
    private static let every = ProcessInfo.processInfo.environment["BENCH_EVERY"].flatMap(Double.init)

    private let begin = ContinuousClock.now
    private var calls = 0.0

    /// Waits for the next moment; returns false when there is none any more.
    mutating func next() async throws -> Bool {
        guard let every = Self.every else { return true }
        // It is the harness that sets the pace.
        try await Task.sleep(until: begin + .seconds(every) * calls)
        calls += 1
        var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        return poll(&input, 1, 0) == 0
    }
}

/// The pipe into which workers write the moment of each start, by the monotonic clock of this machine.
private struct Starts: Sendable {
    private let descriptor: Int32

    init() throws {
        guard let path = ProcessInfo.processInfo.environment["BENCH_STARTS"] else {
            throw ValidationError("Benchmarks/run sets BENCH_STARTS")
        }
        descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ValidationError("cannot open \(path)") }
    }

    /// In seconds.
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Writes one line; less than a pipe's buffer is written as a whole.
    func add() {
        let line = Array("\(Int(Self.now * 1e9))\n".utf8)
        _ = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    }
}

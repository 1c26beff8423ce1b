// A daemon to be killed: the tests of ChildProcess start it, let it start children, and kill or stop it. Not shipped.
//
//     childprocess-probe kept   [options] -- PROGRAM [ARGUMENT…]     a command behind a keeper
//     childprocess-probe direct [options] -- PROGRAM [ARGUMENT…]     a supervised child
//     childprocess-probe descriptors                                 counts its descriptors around 200 starts
//
// Children get the probe's own environment, by which the tests find them again.
import ChildProcess
import Foundation
import Glibc

struct Options {
    var lease = Duration.seconds(3600)
    var renewal: Duration?
    var timeout = Duration.seconds(3600)
    /// kill -9 of this process itself, this long after it has begun to start its child.
    var dieAfter: UInt32?
    /// The same, counted from the moment its child runs.
    var dieAfterStart: UInt32?
    var networkNamespace: String?
    var hasProcessNamespace = false
    var credentials: Credentials?
    var command: [String] = []

    init(_ words: ArraySlice<String>) {
        var words = words
        while let word = words.popFirst() {
            func number() -> Int {
                guard let number = words.popFirst().flatMap({ Int($0) }) else { fatalError("\(word) needs a number") }
                return number
            }
            switch word {
            case "--": (command, words) = (Array(words), [])
            case "--lease-ms": lease = .milliseconds(number())
            case "--renew-ms": renewal = .milliseconds(number())
            case "--die-after-us": dieAfter = UInt32(number())
            case "--timeout-ms": timeout = .milliseconds(number())
            case "--die-after-start-us": dieAfterStart = UInt32(number())
            case "--process-namespace": hasProcessNamespace = true
            case "--netns": networkNamespace = words.popFirst()
            case "--dnsmasq-user":
                let user = uid_t(number())
                credentials = Credentials(
                    user: user,
                    group: user,
                    capabilities: [.netAdmin, .netRaw, .netBindService]
                )
            default: fatalError("unknown option \(word)")
            }
        }
    }

    var specification: ChildSpecification {
        ChildSpecification(
            executable: command[0],
            arguments: Array(command.dropFirst()),
            environment: ProcessInfo.processInfo.environment,
            networkNamespace: networkNamespace,
            hasProcessNamespace: hasProcessNamespace,
            credentials: credentials,
            standardOutput: .inherit,
            standardError: .inherit
        )
    }
}

/// Written at once, because stdio would keep it back in a process that is killed.
func say(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
}

/// A thread of its own, so that the death comes at its time whatever the rest is doing.
func scheduleDeath(after microseconds: UInt32?) {
    guard let microseconds else { return }
    Thread.detachNewThread {
        usleep(microseconds)
        kill(getpid(), SIGKILL)
    }
}

func runKept(_ options: Options) async {
    let keeper = CommandKeeper(leaseUntil: .now + options.lease)
    await withThrowingTaskGroup(of: Void.self) { group in
        if let renewal = options.renewal {
            group.addTask {
                while true {
                    keeper.extendAll(until: .now + options.lease)
                    try await Task.sleep(for: renewal)
                }
            }
        }
        scheduleDeath(after: options.dieAfter)
        do {
            let timeout = options.timeout
            let result = try await keeper.run(options.specification, timeout: timeout, grace: .milliseconds(100))
            let left = result.leftDescendants ? ", left descendants" : ""
            say("ended \(result.exit) cause \(result.cause)\(left)")
        } catch {
            say("failed \(error)")
        }
        group.cancelAll()
    }
}

func runDirect(_ options: Options) async throws {
    scheduleDeath(after: options.dieAfter)
    let child = try await SupervisedChild.start(options.specification)
    say("pid \(child.pid)")
    scheduleDeath(after: options.dieAfterStart)
    say("ended \(try await child.exit)")
}

func countDescriptors() async throws {
    func openDescriptors() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count }
    let keeper = CommandKeeper(leaseUntil: .now + .seconds(60))
    let specification = ChildSpecification(
        executable: "cat",
        standardInput: .data([1, 2, 3]),
        standardOutput: .collect(limit: 10, keeping: .head),
        standardError: .collect(limit: 10, keeping: .tail)
    )
    let missing = ChildSpecification(executable: "/nonexistent", standardInput: .data([1]))
    func startOne(_ number: Int) async throws {
        switch number % 4 {
        case 0: _ = try await keeper.run(specification, timeout: .seconds(60))
        case 1: _ = try await SupervisedChild.start(specification).exit
        case 2: _ = try? await keeper.run(missing, timeout: .seconds(60))
        default: _ = try? await SupervisedChild.start(missing)
        }
    }
    // The spawn thread and the poller keep one descriptor each, from the first start on.
    for number in 0..<4 { try await startOne(number) }
    let before = try openDescriptors()
    try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<200 {
            if number >= 8 { try await group.next() }
            group.addTask { try await startOne(number) }
        }
        try await group.waitForAll()
    }
    // The last supervised child's streams are closed before its exit is told; nothing needs to be waited for.
    say("before \(before) after \(try openDescriptors()) live \(keeper.liveCount)")
}

let words = CommandLine.arguments.dropFirst()
switch words.first {
case "kept": await runKept(Options(words.dropFirst()))
case "direct": try await runDirect(Options(words.dropFirst()))
case "descriptors": try await countDescriptors()
default: fatalError("usage: see the head of main.swift")
}

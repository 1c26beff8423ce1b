import ClusterDaemon
import ClusterEngine
import Foundation
import Logging
import ServiceLifecycle

// A daemon for tests. It tells what happens to it on stdout, a line at a time, and drains for as long as its stdin is
// open: so a test that goes away leaves no probe behind.
//
// daemon-probe drain|throw|return

/// Writes past every buffer, because the immediate stop flushes none.
@Sendable func tell(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
}

/// Stdin, read by a thread of its own, because it blocks.
struct StandardInput {
    private let ended = AsyncStream<Void>.makeStream()

    init() {
        let continuation = ended.continuation
        Thread.detachNewThread {
            while !FileHandle.standardInput.availableData.isEmpty {}
            continuation.finish()
        }
    }

    func end() async {
        for await _ in ended.stream {}
    }
}

/// Drains until stdin ends.
struct DrainingService: Service {
    let standardInput: StandardInput

    func run() async throws {
        tell("draining service started")
        try await gracefulShutdown()
        tell("draining")
        await standardInput.end()
        tell("drained")
    }
}

/// Starts first and is to stop last.
struct FirstService: Service {
    func run() async throws {
        tell("first service started")
        while await pause(for: .seconds(3600)) == .elapsed {}
        tell("first service stopped")
    }
}

/// Ends by itself, as no service should.
struct EndingService: Service {
    struct Failure: Error, CustomStringConvertible {
        let description = "the disk is \"full\"\nor so"
    }

    let throwsError: Bool

    func run() async throws {
        if throwsError { throw Failure() }
    }
}

bootstrapLogging()
let standardInput = StandardInput()
var services: [any Service] = [FirstService(), DrainingService(standardInput: standardInput)]
switch CommandLine.arguments.dropFirst().first {
case "throw": services.append(EndingService(throwsError: true))
case "return": services.append(EndingService(throwsError: false))
default: break
}
var reactions = Daemon.Reactions()
reactions.onReload = { tell("reloaded") }
reactions.onImmediateStop = { tell("stopped at once") }
let ending = await Daemon.run(services: services, logger: Logger(label: "probe"), reactions: reactions)
ProcessEnd.end(ending.rawValue)

import ArgumentParser
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterReports
import Foundation

struct Top: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Show the cluster live on the whole terminal.",
        discussion: """
            Example: clusterctl top --interval 2s
            It shows lanes with rates and waits, running and lately failed operations, and nodes, those in trouble \
            first. Up and down select a row, enter shows all that is known of it, r retries and c cancels an operation \
            after a question, s sorts, / filters by a word, l cycles through the lanes, tab through the parts, ? shows \
            all keys, q quits. It goes on while the database is away. Scripts use 'clusterctl status'.
            """
    )

    /// A look takes some milliseconds of the database; nobody reads faster.
    private static let shortestInterval: Duration = .milliseconds(200)

    @OptionGroup var global: GlobalOptions

    @Option(help: "The poll interval, at least 200ms.", transform: { try DurationText($0) })
    var interval: DurationText?

    func validate() throws {
        if let interval, interval.duration < Self.shortestInterval {
            throw ValidationError("--interval is at least \(Self.shortestInterval.text), found \(interval)")
        }
    }

    func run() async throws {
        guard global.output == .table else {
            throw Failure(.usage, "'top' draws on a terminal and has no JSON: use 'clusterctl status -o json'")
        }
        let terminal = try FullScreen(for: "top")
        let inbox = try TopInbox()
        try await global.withCluster { cluster in
            let first = try await cluster.activity()
            // The loop has one request with the database at a time.
            let (requests, asked) = AsyncStream.makeStream(of: TopRequest.self, bufferingPolicy: .bufferingOldest(1))
            let loop = TopLoop(
                terminal,
                first: first,
                inbox: inbox,
                signals: try CaughtSignals.caught(),
                requests: asked
            )
            await withDiscardingTaskGroup { group in
                group.addTask { await look(at: cluster, for: inbox) }
                group.addTask {
                    for await request in requests { inbox.put(await request.answer(from: cluster)) }
                }
                // A look at a database that hangs would keep the person waiting: the process ends here.
                await Self.end(of: loop).leave()
            }
        }
    }

    private func look(at cluster: ClusterConnection, for inbox: TopInbox) async {
        let interval = interval?.duration ?? .seconds(1)
        while !Task.isCancelled {
            try? await Task.sleep(for: interval)
            do {
                inbox.put(.seen(try await cluster.activity()))
            } catch {
                inbox.put(.failed(Failure(error, of: Top.self).messages.joined(separator: "; ")))
            }
        }
    }

    /// Runs the loop on a thread of its own, because it waits for keys.
    private static func end(of loop: TopLoop) async -> TopLoop.End {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var loop = loop
                continuation.resume(returning: loop.run())
            }
        }
    }
}

extension TopLoop.End {
    fileprivate func leave() -> Never {
        switch self {
        case .quit: _exit(0)
        case .signal(SIGINT): _exit(ExitStatus.interrupted.rawValue)
        case .signal(let number): CaughtSignals.die(of: number)
        }
    }
}

import ClusterEngine
import ClusterModel
import Exposition
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

/// Answers `/metrics`, `/livez` and `/readyz`.
///
/// An address that cannot be had is said in the log, once, and tried again: a port that somebody else has is no
/// reason to take a node's networks or work away from it, and after a restart it is often the last process that still
/// drains.
struct HTTPSurface: Service {
    /// The pause before an address is tried again.
    private static let pauseBeforeNextTry: Duration = .seconds(1)
    /// Connections at once; a monitoring system or two, a load balancer and an operator need fewer than ten.
    ///
    /// As many more wait in the kernel until one ends, and beyond those the kernel refuses.
    static let mostConnections = 64
    /// The longest time to the first answer: a client says soon what it wants, and a scrape waits a second for its
    /// counts at most.
    private static let firstAnswer: TimeAmount = .seconds(10)
    /// Longer than the 15 s between two scrapes of many a monitoring system; who comes less often connects anew.
    private static let nextAnswer: TimeAmount = .seconds(20)
    /// Bytes of a request's header, and the fields in it; those of a browser have some 2 KiB.
    private static let mostHeaderBytes = 8192
    private static let mostHeaderFields = 64

    /// The address on which it listens, and the key that sets it.
    let address: HostPort
    let key: String
    let health: Health
    let metrics: @Sendable () async -> [MetricFamily]
    let logger: Logger

    /// Answers until graceful shutdown.
    func run() async throws {
        var errors = ErrorReporter("http", logger: logger)
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            do {
                try await application.run()
                errors.resolved()
            } catch is CancellationError {
                return
            } catch {
                let reason = SocketFailure(error)
                errors.report("\(key): cannot listen on \(address): \(reason); metrics and health are not shown")
            }
            _ = await pause(for: Self.pauseBeforeNextTry)
        }
    }

    private var application: some ApplicationProtocol {
        let router = Router()
        let (health, metrics) = (health, metrics)
        router.get("livez") { _, _ in
            let report = health.report
            return try Self.answer(HealthDocument(live: report).json, isPassing: report.isLive)
        }
        router.get("readyz") { _, _ in
            let report = health.report
            return try Self.answer(HealthDocument(ready: report).json, isPassing: report.isReady)
        }
        router.get("metrics") { _, _ in
            Self.answer(PrometheusText.render(await metrics()), .ok, PrometheusText.contentType)
        }
        router.get("/") { _, _ in
            Self.answer("/livez\n/metrics\n/readyz\n", .ok, "text/plain; charset=utf-8")
        }
        let (address, logger) = (address, logger)
        var quiet = logger
        // What it says of itself at lesser levels is about each connection.
        quiet.logLevel = .error
        return Application(
            router: router,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [AnswerDeadline(first: Self.firstAnswer, next: Self.nextAnswer)],
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: Self.mostHeaderBytes,
                        maxHeaderListSize: Self.mostHeaderBytes,
                        maxHeaderFieldCount: Self.mostHeaderFields
                    )
                )
            ),
            configuration: .init(
                address: .hostname(address.host.description, port: Int(address.port)),
                serverName: nil,
                backlog: Self.mostConnections,
                availableConnectionsDelegate: .maximum(Self.mostConnections, logger: quiet)
            ),
            onServerRunning: { channel in
                let bound = channel.localAddress.flatMap { local in
                    local.port.map { "\(local.ipAddress ?? "\(address.host)"):\($0)" }
                }
                logger.info("showing metrics and health", metadata: ["address": "\(bound ?? "\(address)")"])
            },
            logger: quiet
        )
    }

    private static func answer(_ json: String, isPassing: Bool) throws -> Response {
        answer(json, isPassing ? .ok : .serviceUnavailable, "application/json; charset=utf-8")
    }

    private static func answer(_ text: String, _ status: HTTPResponse.Status, _ type: String) -> Response {
        Response(
            status: status,
            headers: [.contentType: type, .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(string: text))
        )
    }
}

import ClusterEngine
import Glibc
import Logging
import ServiceLifecycle
import UnixSignals

/// The lifecycle of a daemon: its services run until a signal ends them, and each in its turn.
package enum Daemon {
    /// The outcome of a daemon's run.
    package enum Ending: Int32, Sendable {
        /// A signal asked it to, and all its services have finished what they had begun.
        case drained = 0
        /// A service failed, or it was stopped before it had drained. Work was given up, and a supervisor should see it
        /// as it sees a crash; 130 belongs to the command line.
        case failed = 1
    }

    /// The actions of a daemon at signals.
    package struct Reactions: Sendable {
        /// At the first that ends it, before the first service is asked to stop; it returns soon.
        package var onDraining: @Sendable () -> Void = {}
        /// At SIGHUP, which never ends a daemon; it returns soon.
        package var onReload: @Sendable () -> Void = {}
        /// The removal of what must not be left behind when it stops at once, such as children to kill; it returns
        /// soon.
        package var onImmediateStop: @Sendable () -> Void = {}

        package init() {}
    }

    /// Runs services until SIGTERM or SIGINT, or until one of them fails.
    ///
    /// The first signal shuts the services down gracefully, the last one first, each after the one behind it has
    /// ended. The second one ends the process at once, whatever the services do: it runs `onImmediateStop` of
    /// `reactions` and nothing else, no exit handler and no flush. A service that throws, or returns before it is
    /// asked to, is named in the log, the others shut down gracefully, and the daemon has failed.
    ///
    /// - Parameters:
    ///   - services: in the order in which they start: one stands behind those that it uses.
    ///   - logger: told once of each change of state.
    ///   - reactions: what is done at signals beside.
    /// - Returns: How it ended; the raw value is the exit code.
    package static func run(
        services: [any Service],
        logger: Logger,
        reactions: Reactions = Reactions()
    ) async -> Ending {
        precondition(!services.isEmpty, "a daemon without services has nothing to wait for")
        // Whoever reads the log, or a child's pipe, may go away; that is an error of the write, not the end of the daemon.
        // Children inherit it, so they are started with the default restored.
        signal(SIGPIPE, SIG_IGN)
        // Taken before the first service starts, so that no signal finds a half-started daemon without a handler. The
        // group is given none: it ignores the second of a kind.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let group = ServiceGroup(configuration: configuration(services, logger: logger))
        return await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await obey(signals, group: group, logger: logger, reactions: reactions) }
            defer { tasks.cancelAll() }
            do {
                try await group.run()
                logger.notice("stopped")
                return .drained
            } catch {
                // The service that failed has been named when it did.
                logger.notice("stopped after a failure")
                return .failed
            }
        }
    }

    private static func configuration(_ services: [any Service], logger: Logger) -> ServiceGroupConfiguration {
        ServiceGroupConfiguration(
            services: services.map { service in
                ServiceGroupConfiguration.ServiceConfiguration(
                    service: WatchedService(service: service, logger: logger),
                    failureTerminationBehavior: .gracefullyShutdownGroup,
                    serviceName: "\(type(of: service))"
                )
            },
            logger: logger
        )
    }

    private static func obey(
        _ signals: UnixSignalsSequence,
        group: ServiceGroup,
        logger: Logger,
        reactions: Reactions
    ) async {
        var isDraining = false
        for await signal in signals {
            if signal == .sighup {
                if !isDraining { reactions.onReload() }
                continue
            }
            if isDraining {
                // No log line: whoever reads stderr may have stopped reading, and "at once" must not wait for them. The
                // first signal has announced what the second does.
                reactions.onImmediateStop()
                _exit(Ending.failed.rawValue)
            }
            isDraining = true
            reactions.onDraining()
            logger.notice("draining; a second signal stops at once", metadata: ["signal": "\(signal)"])
            await group.triggerGracefulShutdown()
        }
    }
}

/// A service whose failure is logged when it happens, with its name, not when the others have drained.
private struct WatchedService: Service {
    let service: any Service
    let logger: Logger

    /// A service returned, and nobody had asked it to.
    struct ReturnedEarly: Error, CustomStringConvertible {
        let description = "it returned before it was asked to stop"
    }

    private static var isAskedToStop: Bool { Task.isShuttingDownGracefully || Task.isCancelled }

    func run() async throws {
        do {
            try await service.run()
            guard Self.isAskedToStop else { throw ReturnedEarly() }
        } catch is CancellationError where Self.isAskedToStop {
            // A sleep that graceful shutdown ended is how many a service stops; it has done as it was asked.
            return
        } catch {
            logger.error(
                "a service failed, and the daemon stops",
                metadata: ["service": "\(type(of: service))", "error": "\(error)"]
            )
            throw error
        }
    }
}

import ClusterEngine
import ClusterModel
import Logging

/// What a daemon or `clusterctl` was told by its file and its environment, parsed, checked and with defaults filled in.
///
/// `Configuration()` holds the defaults. `load(path:environment:)` is what programs call.
package struct Configuration: Sendable, Hashable {
    /// How the database is reached.
    package var database = Database()
    /// What this node is.
    package var node = Node()
    /// How a queueworker works.
    package var worker = Worker()
    /// How long a session outlives its last renewal.
    package var session = Session()
    /// How long the elected network node stays elected.
    package var election = Election()
    /// Where workers are woken.
    package var doorbell = DoorbellSettings()
    /// Where the daemons show their state.
    package var http = HTTP()
    /// What netnode makes on this node, and where.
    package var network = Network()
    /// How long ended operations are kept.
    package var history = History()
    /// What is logged.
    package var log = Log()
    /// The command tasks that this node can run.
    package var tasks: [TaskName: CommandTask] = [:]
    /// Where the command of each was set, for messages.
    package var commandSources: [TaskName: ConfigurationError.Problem.Source] = [:]

    /// The defaults.
    package init() {}

    /// How the database is reached.
    package struct Database: Sendable, Hashable {
        /// Where the server listens.
        package enum Endpoint: Sendable, Hashable {
            /// A Unix socket on this machine, by its path.
            case socket(String)
            /// Servers to try in this order; there is at least one.
            case hosts([HostPort])
        }

        /// Where the server listens.
        package var endpoint = Endpoint.socket("/run/mysqld/mysqld.sock")
        /// The schema.
        package var name = "clusterops"
        /// The database user.
        package var user = "clusterops"
        /// The file that holds the password; none means that the server knows the user by other means.
        package var passwordFile: String?
        /// How the connection is protected.
        package var tls = TLS()
    }

    /// How the connection to the database is protected.
    package struct TLS: Sendable, Hashable {
        /// How much the client insists on.
        package enum Mode: String, Sendable, Hashable, CaseIterable {
            /// No TLS.
            case disabled
            /// TLS, with whomever answers.
            case required
            /// TLS, with a server whose certificate is valid and names the host.
            case verify
        }

        /// `disabled` for a socket and `verify` for hosts, unless it is set.
        package var mode = Mode.disabled
        /// The certificates to trust; none means those that the client library trusts.
        package var caFile: String?
    }

    /// What this node is.
    package struct Node: Sendable, Hashable {
        /// The name under which the node was added.
        package var name: NodeName?
        /// The address by which the other nodes reach this one.
        package var underlayAddress: IPv4Address?
    }

    /// How a queueworker works.
    package struct Worker: Sendable, Hashable {
        /// How many operations it runs at once.
        package var slots = 4
        /// How often it looks into its queues when no doorbell rings.
        package var pollInterval = Duration.seconds(2)
        /// How long an operation may wait before it counts for the reserved share of slots, whatever its lane.
        package var stalenessBound = ClaimPolicy.defaultStalenessBound
    }

    /// How long a session outlives its last renewal.
    package struct Session: Sendable, Hashable {
        /// The time after which a silent session counts as dead; at least three times `renew`.
        package var lease = Duration.seconds(10)
        /// How often it is renewed.
        package var renew = Duration.seconds(2)
    }

    /// How long the elected network node stays elected.
    package struct Election: Sendable, Hashable {
        /// The time after which a silent holder can be succeeded.
        package var lease = Duration.seconds(5)
        /// How often the lease is renewed; less than `fence`.
        package var renew = Duration.seconds(1)
        /// The time without renewal after which the holder stops by itself; less than `lease`.
        package var fence = Duration.milliseconds(3500)

        /// How much of the lease has to be left at the fence: what was begun just before it may be in force that much
        /// later, as the kernel's gate by the start and the run of `nft`.
        package static let leastMargin = Duration.seconds(1)
    }

    /// Where the daemons show metrics and health.
    package struct HTTP: Sendable, Hashable {
        /// Where queueworker listens; none when it is off.
        package var queueworker: HostPort? = HostPort(host: .address(.loopback), port: 9471)
        /// Where netnode listens; none when it is off.
        package var netnode: HostPort? = HostPort(host: .address(.loopback), port: 9472)
    }

    /// What netnode makes on this node, and where.
    package struct Network: Sendable, Hashable {
        /// The directory of the networks' files, one directory a network in it.
        package var stateDirectory = "/var/lib/clusterops/network"
        /// What the names of the networks' namespaces begin with; the VNI follows.
        package var namespacePrefix = "co-"
        /// The device that carries the mesh; none means the one that has the underlay address.
        package var underlayInterface: LinkName?
        /// The Linux bridge that leads outside; none means that this node has no way out for networks with NAT.
        package var externalBridge: LinkName?
        /// Whom the networks' servers ask for names that are not theirs, in no order; nobody by default.
        package var dnsServers: [IPv4Address] = []
        /// How often netnode reads back and repairs its node.
        package var maintenanceInterval = Duration.seconds(30)
    }

    /// How long ended operations are kept.
    package struct History: Sendable, Hashable {
        /// The time from the end of an operation to its removal.
        package var retention = Duration.seconds(30 * 86_400)
    }

    /// What is logged.
    package struct Log: Sendable, Hashable {
        /// What is less severe is dropped.
        package var level = Logger.Level.info
    }

    /// A task that runs a program.
    package struct CommandTask: Sendable, Hashable {
        /// The program and its arguments; no shell takes part.
        package var command: [String]
        /// The time after which the program is stopped, which fails the attempt.
        package var timeout = Duration.seconds(600)
        /// How many attempts may fail before the operation does.
        package var maxAttempts = 5
        /// Whether operations with the same target that wait at the same time can be done as one.
        package var coalescible = false

        /// A task with the defaults around a command.
        package init(command: [String]) {
            self.command = command
        }
    }
}

extension IPv4Address {
    /// 127.0.0.1, where only this machine connects.
    fileprivate static let loopback = IPv4Address(rawValue: 0x7f00_0001)
}

import Logging

/// What a daemon or `clusterctl` was told by its file and its environment, parsed, checked and with defaults filled in.
///
/// `Configuration()` holds the defaults. `load(path:environment:)` is what programs call.
public struct Configuration: Sendable, Hashable {
    /// How the database is reached.
    public var database = Database()
    /// What this node is.
    public var node = Node()
    /// How a queueworker works.
    public var worker = Worker()
    /// How long a session outlives its last renewal.
    public var session = Session()
    /// How long the elected network node stays elected.
    public var election = Election()
    /// Where workers are woken.
    public var doorbell = Doorbell()
    /// Where the daemons show their state.
    public var http = HTTP()
    /// What netnode makes on this node, and where.
    public var network = Network()
    /// How long ended operations are kept.
    public var history = History()
    /// What is logged.
    public var log = Log()
    /// The command tasks that this node can run.
    public var tasks: [TaskName: CommandTask] = [:]
    /// Where the command of each was set, for messages.
    package var commandSources: [TaskName: ConfigurationError.Problem.Source] = [:]

    /// The defaults.
    public init() {}

    /// How the database is reached.
    public struct Database: Sendable, Hashable {
        /// Where the server listens.
        public enum Endpoint: Sendable, Hashable {
            /// A Unix socket on this machine, by its path.
            case socket(String)
            /// Servers to try in this order; there is at least one.
            case hosts([HostPort])
        }

        /// Where the server listens.
        public var endpoint = Endpoint.socket("/run/mysqld/mysqld.sock")
        /// The schema.
        public var name = "clusterops"
        /// The database user.
        public var user = "clusterops"
        /// The file that holds the password; none means that the server knows the user by other means.
        public var passwordFile: String?
        /// How the connection is protected.
        public var tls = TLS()
    }

    /// How the connection to the database is protected.
    public struct TLS: Sendable, Hashable {
        /// How much the client insists on.
        public enum Mode: String, Sendable, Hashable, CaseIterable {
            /// No TLS.
            case disabled
            /// TLS, with whomever answers.
            case required
            /// TLS, with a server whose certificate is valid and names the host.
            case verify
        }

        /// `disabled` for a socket and `verify` for hosts, unless it is set.
        public var mode = Mode.disabled
        /// The certificates to trust; none means those that the client library trusts.
        public var caFile: String?
    }

    /// What this node is.
    public struct Node: Sendable, Hashable {
        /// The name under which the node was added.
        public var name: NodeName?
        /// The address by which the other nodes reach this one.
        public var underlayAddress: IPv4Address?
    }

    /// How a queueworker works.
    public struct Worker: Sendable, Hashable {
        /// How many operations it runs at once.
        public var slots = 4
        /// How often it looks into its queues when no doorbell rings.
        public var pollInterval = Duration.seconds(2)
        /// How long an operation may wait before it counts for the reserved share of slots, whatever its lane.
        public var stalenessBound = Duration.seconds(60)
    }

    /// How long a session outlives its last renewal.
    public struct Session: Sendable, Hashable {
        /// The time after which a silent session counts as dead; at least three times `renew`.
        public var lease = Duration.seconds(10)
        /// How often it is renewed.
        public var renew = Duration.seconds(2)
    }

    /// How long the elected network node stays elected.
    public struct Election: Sendable, Hashable {
        /// The time after which a silent holder can be succeeded.
        public var lease = Duration.seconds(5)
        /// How often the lease is renewed; less than `fence`.
        public var renew = Duration.seconds(1)
        /// The time without renewal after which the holder stops by itself; less than `lease`.
        public var fence = Duration.milliseconds(3500)

        /// How much of the lease has to be left at the fence: what was begun just before it may be in force that much
        /// later, as the kernel's gate by the start and the run of `nft`.
        public static let leastMargin = Duration.seconds(1)
    }

    /// Where workers are woken.
    public struct Doorbell: Sendable, Hashable {
        /// Where to listen; none means the node's underlay address and any free port.
        public var listen: HostPort?
        /// What to tell the others; none means the address that listening gave.
        public var advertise: HostPort?
    }

    /// Where the daemons show metrics and health.
    public struct HTTP: Sendable, Hashable {
        /// Where queueworker listens; none when it is off.
        public var queueworker: HostPort? = HostPort(host: .address(.loopback), port: 9471)
        /// Where netnode listens; none when it is off.
        public var netnode: HostPort? = HostPort(host: .address(.loopback), port: 9472)
    }

    /// What netnode makes on this node, and where.
    public struct Network: Sendable, Hashable {
        /// The directory of the networks' files, one directory a network in it.
        public var stateDirectory = "/var/lib/clusterops/network"
        /// What the names of the networks' namespaces begin with; the VNI follows.
        public var namespacePrefix = "co-"
        /// The device that carries the mesh; none means the one that has the underlay address.
        public var underlayInterface: LinkName?
        /// The Linux bridge that leads outside; none means that this node has no way out for networks with NAT.
        public var externalBridge: LinkName?
        /// Whom the networks' servers ask for names that are not theirs, in no order; nobody by default.
        public var dnsServers: [IPv4Address] = []
        /// How often netnode reads back and repairs its node.
        public var maintenanceInterval = Duration.seconds(30)
    }

    /// How long ended operations are kept.
    public struct History: Sendable, Hashable {
        /// The time from the end of an operation to its removal.
        public var retention = Duration.seconds(30 * 86_400)
    }

    /// What is logged.
    public struct Log: Sendable, Hashable {
        /// What is less severe is dropped.
        public var level = Logger.Level.info
    }

    /// A task that runs a program.
    public struct CommandTask: Sendable, Hashable {
        /// The program and its arguments; no shell takes part.
        public var command: [String]
        /// The time after which the program is stopped, which fails the attempt.
        public var timeout = Duration.seconds(600)
        /// How many attempts may fail before the operation does.
        public var maxAttempts = 5
        /// Whether operations with the same target that wait at the same time can be done as one.
        public var coalescible = false

        /// A task with the defaults around a command.
        public init(command: [String]) {
            self.command = command
        }
    }
}

extension IPv4Address {
    /// 127.0.0.1, where only this machine connects.
    fileprivate static let loopback = IPv4Address(rawValue: 0x7f00_0001)
}

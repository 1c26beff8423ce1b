import ClusterEngine
import ClusterModel
import Logging

/// The settings of a daemon or `clusterctl` from its file and its environment, parsed, checked and with defaults filled
/// in.
///
/// `Configuration()` holds the defaults. `load(path:environment:)` is what programs call.
package struct Configuration: Sendable, Hashable {
    /// The settings by which the database is reached.
    package var database = Database()
    /// The identity of this node.
    package var node = Node()
    /// The settings of a queueworker.
    package var worker = Worker()
    /// The lease of a session, and its renewal.
    package var session = Session()
    /// The lease of the elected network node, and its renewal.
    package var election = Election()
    /// The settings of the doorbell that wakes workers.
    package var doorbell = DoorbellSettings()
    /// The addresses where the daemons show their state.
    package var http = HTTP()
    /// The settings of netnode on this node: what it makes, and where.
    package var network = Network()
    /// The time for which ended operations are kept.
    package var history = History()
    /// The settings of the log.
    package var log = Log()
    /// The command tasks that this node can run.
    package var tasks: [TaskName: CommandTask] = [:]
    /// The source of the command of each, for messages.
    package var commandSources: [TaskName: ConfigurationError.Problem.Source] = [:]

    /// The keys of the file that `--config` names whose values the environment has replaced by others.
    ///
    /// The environment wins also over a file that was named in the same breath, so programs say which keys it took: a
    /// variable that was left over from another cluster leads to that one.
    package var overriddenKeys: [String] = []

    /// The defaults.
    package init() {}

    /// The settings by which the database is reached.
    package struct Database: Sendable, Hashable {
        /// The place where a server listens.
        package enum Endpoint: Sendable, Hashable {
            /// A Unix socket on this machine, by its path.
            case socket(String)
            /// Servers to try in this order; there is at least one.
            case hosts([HostPort])
        }

        /// The place where the server listens.
        package var endpoint = Endpoint.socket("/run/mysqld/mysqld.sock")
        /// The schema.
        package var name = "clusterops"
        /// The database user.
        package var user = "clusterops"
        /// The file that holds the password; none means that the server knows the user by other means.
        package var passwordFile: String?
        /// The protection of the connection.
        package var tls = TLS()
    }

    /// The protection of the connection to the database.
    package struct TLS: Sendable, Hashable {
        /// The protection that the client insists on.
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

    /// The identity of this node.
    package struct Node: Sendable, Hashable {
        /// The name under which the node was added.
        package var name: NodeName?
        /// The address by which the other nodes reach this one.
        package var underlayAddress: IPv4Address?
    }

    /// The settings of a queueworker.
    package struct Worker: Sendable, Hashable {
        /// The number of operations that it runs at once.
        package var slots = 4
        /// The time between two polls of its queues when no wake-up arrives.
        package var pollInterval = Duration.seconds(2)
        /// The time for which an operation may wait before it counts for the reserved share of slots, whatever its
        /// lane.
        package var stalenessBound = ClaimPolicy.defaultStalenessBound
    }

    /// The lease of a session, and its renewal.
    package struct Session: Sendable, Hashable {
        /// The time after which a silent session counts as dead; at least three times `renew`.
        package var lease = Duration.seconds(10)
        /// The time between two renewals.
        package var renew = Duration.seconds(2)
    }

    /// The lease of the elected network node, and its renewal.
    package struct Election: Sendable, Hashable {
        /// The time after which a silent holder can be succeeded.
        package var lease = Duration.seconds(5)
        /// The time between two renewals of the lease; less than `fence`.
        package var renew = Duration.seconds(1)
        /// The time without renewal after which the holder stops by itself; less than `lease`.
        package var fence = Duration.milliseconds(3500)
        /// The time for which a node that is no witness waits before it takes a lease; zero is that there are none.
        package var outage = Duration.zero

        /// The least time of the lease that has to be left at the fence: what was begun just before it may be in force
        /// that much later, as the kernel's gate by the start and the run of `nft`.
        package static let leastMargin = Duration.seconds(1)
        /// The least time that has to be left for the first round of questions to witnesses, between the second renewal
        /// that is missed and the fence: a round takes up to 0.35 s, and one whose datagrams are lost is asked anew.
        package static let timeForRound = Duration.seconds(1)
    }

    /// The addresses where the daemons show metrics and health.
    package struct HTTP: Sendable, Hashable {
        /// The address on which queueworker listens; none when it is off.
        package var queueworker: HostPort? = HostPort(host: .address(.loopback), port: 9471)
        /// The address on which netnode listens; none when it is off.
        package var netnode: HostPort? = HostPort(host: .address(.loopback), port: 9472)
    }

    /// The settings of netnode on this node: what it makes, and where.
    package struct Network: Sendable, Hashable {
        /// The directory of the networks' files, one directory a network in it.
        package var stateDirectory = "/var/lib/clusterops/network"
        /// The prefix of the names of the networks' namespaces; the VNI follows.
        package var namespacePrefix = "co-"
        /// The number of the user of VNI 0's server, if there were one; those of all others follow by VNI.
        ///
        /// Above those that systemd gives to containers, and below what is negative as a signed number.
        package var firstUserID = 0x7000_0000
        /// The device that carries the mesh; none means the one that has the underlay address.
        package var underlayInterface: LinkName?
        /// The Linux bridge that leads outside; none means that this node has no egress for networks with NAT.
        package var externalBridge: LinkName?
        /// The ranges that guests of networks with NAT reach although they are special-purpose or the underlay's; none
        /// by default.
        package var egressAllow: [IPv4CIDR] = []
        /// The UDP port at which every node answers the probes of the others.
        package var probePort = 4793
        /// The servers that the networks' servers ask for names that are not theirs, in no order; none by default.
        package var dnsServers: [IPv4Address] = []
        /// The domains whose names may have private addresses, by the answers of those servers; none by default.
        package var dnsPrivateDomains: [DomainName] = []
        /// The time between two rounds in which netnode reads back and repairs its node.
        package var maintenanceInterval = Duration.seconds(30)
    }

    /// The time for which ended operations are kept.
    package struct History: Sendable, Hashable {
        /// The time from the end of an operation to its removal.
        package var retention = Duration.seconds(30 * 86_400)
    }

    /// The settings of the log.
    package struct Log: Sendable, Hashable {
        /// The least severe level that is logged; what is less severe is dropped.
        package var level = Logger.Level.info
    }

    /// A task that runs a program.
    package struct CommandTask: Sendable, Hashable {
        /// The program and its arguments; no shell takes part.
        package var command: [String]
        /// The time after which the program is stopped, which fails the attempt.
        package var timeout = Duration.seconds(600)
        /// The number of attempts that may fail before the operation does.
        package var maxAttempts = 5
        /// A Boolean value that indicates whether operations with the same target that wait at the same time can be
        /// done as one.
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

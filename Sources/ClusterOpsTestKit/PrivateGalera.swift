import Foundation
import MariaDB

/// Three mariadbd of the test run's own that form a Galera cluster, on loopback addresses of their own.
///
/// They are as real as three machines but for the network: a member is killed, hangs, or loses the others while clients
/// still reach it. Tests that share one are serialised, and leave it with all members synced.
public final class PrivateGalera: Sendable {
    /// The cluster that all tests share; started at the first use, in 13 s, most of them pauses of the state transfers.
    public static var shared: PrivateGalera {
        get throws { try sharedResult.get() }
    }

    private static let sharedResult = Result { try PrivateGalera() }

    private static let library = "/usr/lib/galera/libgalera_smm.so"
    /// A state transfer by rsync runs as the server's user, and overwrites what it is told to.
    private static let user = "nobody"
    private static let buffers = 32
    private static let port: UInt16 = 33_060
    private static let groupPort: UInt16 = 4567
    private static let transferPort: UInt16 = 4568

    /// The members, in the order of the hosts that clients are given.
    public let members: [Member]

    /// Starts a cluster of one, which the others join by a state transfer each; the second has a clock of its own.
    ///
    /// - Throws: `PrivateServer.StartFailure`.
    public init(size: Int = 3) throws {
        guard FileManager.default.fileExists(atPath: Self.library) else {
            throw PrivateServer.StartFailure(description: "Galera is not installed: run deploy/install-dependencies")
        }
        let addresses = try Self.freeAddresses(size)
        members = try addresses.map { address in
            let directory = try ServerDirectory()
            try directory.give(to: Self.user)
            return Member(
                host: ConnectionConfiguration.Host(name: address, port: Self.port),
                server: try PrivateServer(
                    in: directory,
                    port: Self.port,
                    arguments: Self.arguments(directory, address: address, all: addresses),
                    isClockStepped: addresses.count > 1 && address == addresses[1]
                )
            )
        }
        try PrivateServer.install(in: members[0].server.directory, user: Self.user)
        try members[0].server.start(["--wsrep-new-cluster"])
        // It accepts connections before it is ready for statements.
        try members[0].awaitSynced(clusterSize: 1)
        _ = try members[0].server.client("CREATE USER root@'%'; GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION")
        for member in members.dropFirst() { try member.server.start() }
        try awaitSynced()
    }

    /// Returns the configuration of a connection as root to the members, the first one before the others.
    public func configuration(schema: String? = nil) -> ConnectionConfiguration {
        ConnectionConfiguration(endpoint: .hosts(members.map(\.host)), user: "root", schema: schema)
    }

    /// Waits until all members are synced.
    public func awaitSynced() throws {
        for member in members { try member.awaitSynced(clusterSize: members.count) }
    }

    /// Kills the members and removes their directories.
    public func destroy() {
        for member in members { member.server.destroy() }
    }

    private static func arguments(_ directory: ServerDirectory, address: String, all: [String]) -> [String] {
        let options = [
            "gcache.size=16M", "gmcast.listen_addr=tcp://\(address):\(groupPort)",
            "ist.recv_addr=\(address):\(transferPort)",
            // A member that is silent is given up after four seconds, not after five to fifteen; after two, a busy
            // machine would give up members that are well.
            "evs.suspect_timeout=PT4S", "evs.inactive_timeout=PT8S", "evs.inactive_check_period=PT0.25S",
            "evs.keepalive_period=PT0.5S", "evs.install_timeout=PT8S", "pc.recovery=false",
        ]
        return PrivateServer.arguments(directory, user: user, buffers: buffers) + [
            "--bind-address=\(address)", "--port=\(port)", "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
            "--wsrep-on=ON", "--wsrep-provider=\(library)", "--wsrep-cluster-name=clusterops-test",
            "--wsrep-cluster-address=gcomm://\(all.map { "\($0):\(groupPort)" }.joined(separator: ","))",
            "--wsrep-node-address=\(address)", "--wsrep-node-name=\(address)", "--wsrep-slave-threads=2",
            "--wsrep-sst-method=rsync", "--wsrep-provider-options=\(options.joined(separator: ";"))",
            // MariaDB 11.8 makes variables of the options otherwise, but none of the one that cuts a member off.
            "--loose-plugin-wsrep-provider=OFF",
        ]
    }

    /// Addresses 127.77.x.1 and up on which no other test's cluster listens.
    private static func freeAddresses(_ count: Int) throws -> [String] {
        for network in (1...254).shuffled() {
            let addresses = (1...count).map { "127.77.\(network).\($0)" }
            if addresses.allSatisfy({ isFree($0, port: groupPort) && isFree($0, port: port) }) { return addresses }
        }
        throw PrivateServer.StartFailure(description: "all addresses of 127.77.0.0/16 are in use")
    }
}

extension PrivateGalera {
    /// One member of the cluster.
    public struct Member: Sendable {
        /// The address at which clients reach it.
        public let host: ConnectionConfiguration.Host
        /// Its server, of which there is kill, suspend and resume.
        public let server: PrivateServer

        /// Returns the configuration of a connection as root to this member.
        public func configuration(schema: String? = nil) -> ConnectionConfiguration {
            ConnectionConfiguration(endpoint: .hosts([host]), user: "root", schema: schema)
        }

        /// Returns the value of a status variable; nil when the server does not answer.
        public func status(_ name: String) -> String? {
            let rows = try? server.client("SHOW GLOBAL STATUS LIKE '\(name)'")
            return rows?.split(whereSeparator: \.isNewline).first?.split(separator: "\t").last.map(String.init)
        }

        /// Declares a member without a quorum to be the whole cluster.
        public func takeForCluster() throws {
            _ = try server.client("SET GLOBAL wsrep_provider_options = 'pc.bootstrap=1'")
        }

        /// Cuts the member off from the others, or joins it to them again; clients reach it all the time.
        public func isolate(_ isIsolated: Bool) throws {
            _ = try server.client(
                "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=\(isIsolated ? 1 : 0)'"
            )
        }

        /// Waits until it is synced with as many members as that.
        public func awaitSynced(clusterSize: Int) throws {
            let deadline = ContinuousClock.now + .seconds(60)
            while ContinuousClock.now < deadline {
                if status("wsrep_ready") == "ON", status("wsrep_local_state") == "4",
                    status("wsrep_cluster_size") == "\(clusterSize)"
                {
                    return
                }
                usleep(200_000)  // A member does not tell when it is ready, and each question starts a program.
            }
            throw PrivateServer.StartFailure(
                description: "\(host) is not synced; its log ends:\n\(server.directory.endOfLog)"
            )
        }
    }
}

/// Returns whether nothing listens on a port of a loopback address.
private func isFree(_ address: String, port: UInt16) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var socketAddress = sockaddr_in()
    socketAddress.sin_family = sa_family_t(AF_INET)
    socketAddress.sin_port = port.bigEndian
    socketAddress.sin_addr.s_addr = inet_addr(address)
    let length = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafePointer(to: &socketAddress) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) == 0 }
    }
}

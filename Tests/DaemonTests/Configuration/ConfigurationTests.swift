import Foundation
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterModel

@Suite struct ConfigurationTests {
    @Test("Without a file and variables the defaults hold")
    func defaults() throws {
        let configuration = try Configuration.load(path: nil, environment: [:], defaultPath: "/nonexistent/x.yaml")
        #expect(configuration == Configuration())
        #expect(configuration.database.endpoint == .socket("/run/mysqld/mysqld.sock"))
        #expect(configuration.database.name == "clusterops")
        #expect(configuration.database.user == "clusterops")
        #expect(configuration.database.passwordFile == nil)
        #expect(configuration.database.tls == .init())
        // With that of the session's renewals four; how many of them are used at once is a matter of luck.
        #expect(configuration.pool().maximumConnections == 3 && configuration.pool().idleTimeout == .seconds(10))
        #expect(configuration.worker.slots == 4)
        #expect(configuration.worker.pollInterval == .seconds(2))
        #expect(configuration.worker.stalenessBound == .seconds(60))
        #expect(configuration.session.lease == .seconds(10))
        #expect(configuration.session.renew == .seconds(2))
        #expect(configuration.election.lease == .seconds(5))
        #expect(configuration.election.renew == .seconds(1))
        #expect(configuration.election.fence == .milliseconds(3500))
        #expect(configuration.election.outage == .zero)
        #expect(configuration.http.queueworker?.description == "127.0.0.1:9471")
        #expect(configuration.http.netnode?.description == "127.0.0.1:9472")
        #expect(configuration.network.stateDirectory == "/var/lib/clusterops/network")
        #expect(configuration.network.namespacePrefix == "co-")
        #expect(configuration.network.maintenanceInterval == .seconds(30))
        #expect(configuration.history.retention == .seconds(2_592_000))
        #expect(configuration.tasks.isEmpty)
    }

    @Test("A file sets what it names and leaves the rest")
    func file() throws {
        let configuration = try loaded(
            """
            database:
              hosts: [db1.example, "10.0.0.7:3307"]
              tls: {mode: required}
            node:
              name: hv1
            worker:
              slots: 16
              poll_interval: 1.5s
            http:
              netnode: off
            doorbell:
            """
        )
        let hosts = configuration.database.endpoint
        #expect(try hosts == .hosts([HostPort("db1.example:3306"), HostPort("10.0.0.7:3307")]))
        #expect(configuration.database.tls.mode == .required)
        #expect(try configuration.node.name == NodeName("hv1"))
        #expect(configuration.worker.slots == 16)
        #expect(configuration.worker.pollInterval == .milliseconds(1500))
        #expect(configuration.worker.stalenessBound == .seconds(60))
        #expect(configuration.http.netnode == nil)
        #expect(configuration.http.queueworker != nil)
    }

    @Test("The environment wins over the file")
    func environmentWins() throws {
        let configuration = try loaded(
            "worker: {slots: 16}\nnode: {name: hv1}",
            environment: ["CLUSTEROPS_WORKER_SLOTS": "2", "PATH": "/bin", "XCLUSTEROPS_FOO": "x"]
        )
        #expect(configuration.worker.slots == 2)
        #expect(try configuration.node.name == NodeName("hv1"))
    }

    @Test("Hosts in the environment win over a socket in the file, and the other way round")
    func endpointOverride() throws {
        let variable = ["CLUSTEROPS_DATABASE_HOSTS": "db1,10.0.0.7:3307"]
        let hosts = try loaded("database: {socket: /x}", environment: variable)
        #expect(try hosts.database.endpoint == .hosts([HostPort("db1:3306"), HostPort("10.0.0.7:3307")]))
        #expect(hosts.database.tls.mode == .verify)
        let socket = try loaded("database: {hosts: [db1]}", environment: ["CLUSTEROPS_DATABASE_SOCKET": "/x"])
        #expect(socket.database.endpoint == .socket("/x"))
        #expect(socket.database.tls.mode == .disabled)
    }

    @Test("Keys that the environment takes from a file that was named are known, and no others")
    func overriddenKeys() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/config.yaml"
            let yaml = "database: {socket: /x, user: ann}\nworker: {slots: 3}\n"
            try yaml.write(toFile: path, atomically: true, encoding: .utf8)
            let environment = [
                "CLUSTEROPS_DATABASE_HOSTS": "db1", "CLUSTEROPS_DATABASE_USER": "ann", "CLUSTEROPS_WORKER_SLOTS": "2",
                "CLUSTEROPS_DATABASE_NAME": "other",
            ]
            let named = try Configuration.load(path: path, environment: environment)
            #expect(named.overriddenKeys == ["database.socket", "worker.slots"])
            #expect(named.overriddenText == "the environment overrides database.socket, worker.slots")
            // The environment that names the file means what else it says.
            let variable = environment.merging(["CLUSTEROPS_CONFIG": path]) { $1 }
            #expect(try Configuration.load(path: nil, environment: variable).overriddenKeys == [])
            #expect(try Configuration.load(path: path, environment: [:]).overriddenText == nil)
        }
    }

    @Test("TLS is verified with hosts and disabled with a socket, unless it is set")
    func tlsDefault() throws {
        #expect(try loaded("database: {hosts: [db1]}").database.tls.mode == .verify)
        #expect(try loaded("database: {hosts: [db1], tls: {ca_file: /ca}}").database.tls.caFile == "/ca")
        #expect(try loaded("database: {hosts: [db1], tls: {mode: disabled}}").database.tls.mode == .disabled)
        #expect(try loaded("database: {socket: /x, tls: {mode: required}}").database.tls.mode == .required)
        #expect(try loaded("").database.tls.mode == .disabled)
    }

    @Test("What daemons tell their children is not taken for keys")
    func childVariables() throws {
        let environment = [
            "CLUSTEROPS_OPERATION": "x", "CLUSTEROPS_TASK": "x", "CLUSTEROPS_ATTEMPT": "1", "CLUSTEROPS_NODE": "hv1",
            "CLUSTEROPS_CONFIG": "/x",
        ]
        #expect(try loaded("", environment: environment) == Configuration())
    }

    @Test("Command tasks are read with their defaults")
    func tasks() throws {
        let configuration = try loaded(
            """
            tasks:
              snapshot:
                command: [/bin/snapshot, --size, 5, ""]
              resize:
                command:
                  - resize
                timeout: 2m
                max_attempts: 1
                coalescible: true
            """
        )
        let snapshot = try #require(try configuration.tasks[TaskName("snapshot")])
        #expect(snapshot.command == ["/bin/snapshot", "--size", "5", ""])
        #expect(snapshot.timeout == .seconds(600))
        #expect(snapshot.maxAttempts == 5)
        #expect(!snapshot.coalescible)
        let resize = try #require(try configuration.tasks[TaskName("resize")])
        #expect(resize.command == ["resize"])
        #expect(resize.timeout == .seconds(120))
        #expect(resize.maxAttempts == 1)
        #expect(resize.coalescible)
    }
}

/// Loads YAML and variables without a file system.
func loaded(_ yaml: String, environment: [String: String] = [:]) throws(ConfigurationError) -> Configuration {
    var loader = ConfigurationLoader()
    loader.readFile(yaml, path: "c.yaml")
    loader.readEnvironment(environment)
    return try loader.finish()
}

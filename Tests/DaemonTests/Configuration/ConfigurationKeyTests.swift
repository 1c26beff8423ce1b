import Testing

@testable import ClusterDaemon
@testable import ClusterModel

@Suite struct ConfigurationKeyTests {
    /// What has to be set beside a key for its example to make sense.
    private static let companions = ["database.tls.ca_file": ("database.tls.mode", "verify")]

    static let paths = Configuration.keys.map(\.path)

    @Test("Every key can be set in the file and in the environment, to the same effect", arguments: paths)
    func everyKey(path: String) throws {
        let key = try #require(Configuration.keysByPath[path])
        var yaml = nested(path, key.example.yaml)
        var environment = [key.variable: key.example.asVariable]
        if let (companion, value) = Self.companions[path] {
            yaml = "database: {tls: {ca_file: \(key.example.yaml), mode: \(value)}}"
            environment[try #require(Configuration.keysByPath[companion]).variable] = value
        }
        let fromFile = try loaded(yaml)
        let fromEnvironment = try loaded("", environment: environment)
        #expect(fromFile == fromEnvironment)
        #expect(fromFile != Configuration(), "the example is the default, so that nothing was tested")
        #expect(key.current(fromFile) == key.example)
    }

    @Test("No key takes a list of lists, nothing, or text that is nobody's", arguments: paths)
    func everyRefusal(path: String) throws {
        let key = try #require(Configuration.keysByPath[path])
        for value in ["[[a]]", "", "{a: b}", "\"\\0\""] {
            let error = #expect(throws: ConfigurationError.self) { try loaded(nested(path, value)) }
            #expect(error?.problems.map(\.key) == [path], "\(value)")
        }
        let error = #expect(throws: ConfigurationError.self) { try loaded("", environment: [key.variable: "\n"]) }
        #expect(error?.problems.map(\.source) == [.environment(variable: key.variable)])
    }

    @Test("Variables are the paths in upper snake case, and no two are the same")
    func variables() {
        #expect(Configuration.keysByPath["database.tls.ca_file"]?.variable == "CLUSTEROPS_DATABASE_TLS_CA_FILE")
        let variables = Configuration.keys.map(\.variable)
        #expect(Set(variables).count == variables.count)
        #expect(Configuration.otherVariables.isDisjoint(with: variables))
    }

    @Test("The keys are those of the contract")
    func contract() {
        #expect(
            Set(Self.paths) == [
                "database.socket", "database.hosts", "database.name", "database.user", "database.password_file",
                "database.tls.mode", "database.tls.ca_file", "node.name", "node.underlay_address", "worker.slots",
                "worker.poll_interval", "worker.staleness_bound", "session.lease", "session.renew", "election.lease",
                "election.renew", "election.fence", "election.outage", "doorbell.listen", "doorbell.advertise",
                "http.queueworker", "http.netnode", "network.state_directory", "network.namespace_prefix",
                "network.first_user_id", "network.underlay_interface", "network.external_bridge",
                "network.egress_allow", "network.probe_port", "network.dns_servers", "network.dns_private_domains",
                "network.maintenance_interval",
                "history.retention", "log.level",
            ]
        )
        #expect(
            Configuration.CommandTask.keys.map(\.path) == ["command", "timeout", "max_attempts", "coalescible"]
        )
    }

    @Test("The annotated example names every key and variable, and loads as the defaults")
    func example() throws {
        let example = Configuration.annotatedExample
        #expect(try loaded(example) == Configuration())
        for key in Configuration.keys {
            #expect(example.contains(key.variable))
            #expect(example.contains(key.documentation))
        }
        #expect(example.contains("\n  slots: 4\n"))
        #expect(example.contains("\n  # name: hv1\n"))
        #expect(example.contains("\n    # mode: required\n"))
    }

    @Test("The example task of the annotated example loads when it is no comment, with the defaults")
    func exampleTask() throws {
        let lines = Configuration.exampleTask
        let configuration = try loaded("tasks:\n" + lines.map { "  " + $0 + "\n" }.joined())
        let command = ["/usr/local/bin/snapshot", "--quiet"]
        #expect(configuration.tasks == [try TaskName("snapshot_volume"): .init(command: command)])
        #expect(lines.allSatisfy { Configuration.annotatedExample.contains("\n  # \($0)\n") })
    }

    @Test(
        "Any text can be written as YAML and read back",
        arguments: [
            "", "off", "null", "~", "a b", "\"", "\\", "\n\t\u{1}\u{7f}", "-x", "a: b", "#", "é\u{2028}", "@x", "a:",
        ]
    )
    func yaml(text: String) throws {
        let configuration = try loaded("tasks: {a: {command: \(ConfigurationInput.list(["x", text]).yaml)}}")
        #expect(try configuration.tasks[TaskName("a")]?.command == ["x", text])
    }

    private func nested(_ path: String, _ value: String) -> String {
        let names = path.split(separator: ".")
        return names.enumerated()
            .map { depth, name in String(repeating: "  ", count: depth) + name + ":" }
            .joined(separator: "\n") + " " + value + "\n"
    }
}

extension ConfigurationInput {
    fileprivate var asVariable: String {
        switch self {
        case .text(let text): text
        case .list(let items): items.joined(separator: ",")
        }
    }
}

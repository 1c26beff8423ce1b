import ClusterModel

/// Gathers values from a file and the environment, and everything that is wrong with them.
///
/// It opens no file. Call `readFile` first and `readEnvironment` after it, because the later value wins; then `finish`.
struct ConfigurationLoader {
    typealias Problem = ConfigurationError.Problem

    var configuration = Configuration()
    var problems: [Problem] = []
    /// The source of the value of each key that was set.
    private(set) var sources: [String: Problem.Source] = [:]
    /// The keys that have a value which does not parse; what depends on them is not judged.
    private var failed: Set<String> = []

    mutating func readEnvironment(_ environment: [String: String]) {
        var seen: Set<String> = []
        for (variable, text) in environment.sorted(by: { $0.key < $1.key })
        where variable.hasPrefix(Configuration.variablePrefix) && !Configuration.otherVariables.contains(variable) {
            let source = Problem.Source.environment(variable: ValueError.quotable(variable))
            guard let key = Configuration.keysByVariable[variable] else {
                report(source, nil, Self.unknownVariable(variable))
                continue
            }
            assign(key, .text(text), from: source)
            seen.insert(key.path)
        }
        checkEndpoint(seen)
    }

    /// The configuration, when nothing is wrong with it.
    consuming func finish() throws(ConfigurationError) -> Configuration {
        if sources["database.tls.mode"] == nil {
            configuration.database.tls.mode = .default(for: configuration.database.endpoint)
        }
        checkSense()
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return configuration
    }

    mutating func assign(
        _ key: ConfigurationKey<Configuration>,
        _ input: ConfigurationInput,
        from source: Problem.Source
    ) {
        if let message = Self.assign(key, input, to: &configuration) {
            report(source, key.path, message)
            failed.insert(key.path)
        } else {
            sources[key.path] = source
        }
    }

    /// Stores a value, or says why not.
    static func assign<Root>(
        _ key: ConfigurationKey<Root>,
        _ input: ConfigurationInput,
        to root: inout Root
    ) -> String? {
        do throws(ValueError) {
            try key.assign(&root, input)
            return nil
        } catch {
            return key.concealsValue ? "expected \(error.expected) (the value is not shown)" : error.reason
        }
    }

    mutating func report(_ source: Problem.Source?, _ key: String?, _ message: String) {
        problems.append(Problem(source: source, key: key, message: message))
    }

    mutating func markFailed(_ path: String) {
        failed.insert(path)
    }

    /// Returns whether all of the keys can be judged together.
    func areReadable(_ paths: [String]) -> Bool {
        failed.isDisjoint(with: paths)
    }

    /// Refuses a file, or an environment, that says both where the socket is and which hosts to connect to.
    ///
    /// One in the file and the other in the environment is no conflict: the environment wins.
    mutating func checkEndpoint(_ paths: Set<String>) {
        guard paths.isSuperset(of: ["database.socket", "database.hosts"]) else { return }
        report(sources["database.hosts"], "database.hosts", "expected only one of database.socket and database.hosts")
    }

    private static func unknownVariable(_ variable: String) -> String {
        if variable.hasPrefix(Configuration.variablePrefix + "TASKS_") {
            return "expected no such variable: tasks are set in the file only"
        }
        let nearest = NearestName.find(variable, among: Configuration.keysByVariable.keys)
        return "there is no such key" + (nearest.map { "; did you mean \($0)?" } ?? "")
    }
}

import ClusterModel

extension Configuration {
    /// The file that is read, if it exists, when none is named.
    package static let defaultPath = "/etc/clusterops/config.yaml"

    /// A file of all keys and a few hundred tasks takes less than a tenth of that.
    static let largestFile = 1 << 20

    /// Reads the file and the environment.
    ///
    /// The file is the one that is named here, else the one that `CLUSTEROPS_CONFIG` names, else `defaultPath`, which
    /// alone need not exist. A variable of the environment wins over the file.
    ///
    /// - Parameters:
    ///   - path: what `--config` said.
    ///   - environment: the environment of the process.
    /// - Returns: A configuration in which every value parsed and all go together.
    /// - Throws: `ConfigurationError` with everything that is wrong.
    package static func load(
        path: String?,
        environment: [String: String]
    ) throws(ConfigurationError) -> Configuration {
        try load(path: path, environment: environment, defaultPath: defaultPath)
    }

    /// The same with another file that need not exist.
    package static func load(
        path: String?,
        environment: [String: String],
        defaultPath: String
    ) throws(ConfigurationError) -> Configuration {
        var loader = ConfigurationLoader()
        let named = path ?? environment[fileVariable]
        if path == nil, named?.isEmpty == true {
            loader.report(.environment(variable: fileVariable), nil, "expected the path of a file, found nothing")
        } else {
            readFile(named ?? defaultPath, mayBeMissing: named == nil, into: &loader)
        }
        let (ofFile, set) = (loader.configuration, Set(loader.sources.keys))
        loader.readEnvironment(environment)
        if path != nil {
            let overridden = keys.filter { key in
                set.contains(key.path) && key.current(ofFile) != key.current(loader.configuration)
            }
            loader.configuration.overriddenKeys = overridden.map(\.path)
        }
        return try loader.finish()
    }

    /// The keys that the environment has taken from the file, in a line for people; nil when there are none.
    package var overriddenText: String? {
        guard !overriddenKeys.isEmpty else { return nil }
        return "the environment overrides " + overriddenKeys.joined(separator: ", ")
    }

    private static func readFile(_ path: String, mayBeMissing: Bool, into loader: inout ConfigurationLoader) {
        let name = ValueError.quotable(path)
        let file: RegularFile
        do throws(RegularFile.Failure) {
            file = try RegularFile.read(path, limit: largestFile, followsLinks: true)
        } catch .missing where mayBeMissing {
            return
        } catch {
            loader.report(.file(path: name, line: nil), nil, error.message)
            return
        }
        // What is in it is run: tasks.*.command. A symbolic link may lead to it; the file that is judged is the one
        // that was read.
        if let objection = file.objection(at: path) {
            loader.report(.file(path: name, line: nil), nil, objection)
            return
        }
        guard let text = String(validating: file.bytes, as: UTF8.self) else {
            loader.report(.file(path: name, line: nil), nil, "expected text in UTF-8")
            return
        }
        loader.readFile(text, path: name)
    }
}

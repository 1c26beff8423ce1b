/// Everything that is wrong with a configuration, found in one pass; it holds one problem at least.
package struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// One thing that is wrong, with the place where it can be mended.
    package struct Problem: Sendable, Hashable, CustomStringConvertible {
        /// The place that a value came from.
        package enum Source: Sendable, Hashable, CustomStringConvertible {
            /// A file, and the line in it where there is one.
            case file(path: String, line: Int?)
            /// A variable of the environment.
            case environment(variable: String)

            /// `path:line`, the path alone, or the name of the variable.
            package var description: String {
                switch self {
                case .file(let path, let line?): "\(path):\(line)"
                case .file(let path, nil): path
                case .environment(let variable): variable
                }
            }
        }

        /// The place that the value came from; none for a default.
        package let source: Source?
        /// The path of the key, such as `worker.slots`; none when the problem is with all of a file or with a variable
        /// that stands for no key.
        package let key: String?
        /// The description of what is wrong, with what was found and what is expected; never a secret.
        package let message: String

        /// Describes a problem.
        package init(source: Source?, key: String?, message: String) {
            self.source = source
            self.key = key
            self.message = message
        }

        /// One line: `/etc/clusterops/config.yaml:12: worker.slots: expected …`.
        package var description: String {
            [source?.description, key, message].compactMap(\.self).joined(separator: ": ")
        }
    }

    /// The problems: the file's by line, then the environment's, then those of values that do not go together.
    package let problems: [Problem]

    /// Gathers problems, of which there must be one at least.
    package init(problems: [Problem]) {
        precondition(!problems.isEmpty, "a configuration error without a problem")
        self.problems = problems
    }

    /// One line a problem.
    package var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}

import Foundation

/// Finds the programs that were built with the tests.
public enum BuiltProduct {
    /// The error when there is no path.
    public struct Missing: Error, CustomStringConvertible {
        /// The file that was looked for, the directory, and what to do.
        public let description: String
    }

    /// The path of a program that stands beside the bundle of the tests.
    ///
    /// - Parameter name: an executable target that the test target depends on, so that it is built and up to date.
    /// - Returns: An absolute path.
    /// - Throws: `Missing` when there is none.
    public static func path(_ name: String) throws -> String {
        // On Linux the bundle is itself the program that runs.
        let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let path = URL(fileURLWithPath: bundle).deletingLastPathComponent().appending(path: name).path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw Missing(
                description: "\(path) is not there: let the test target depend on \(name), and build the tests"
            )
        }
        return path
    }
}

import Foundation

/// Runs the body with a directory of its own, which is removed afterwards with all that is in it.
func withTemporaryDirectory(_ body: (String) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "clusterops-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    let outcome = Result { try body(directory) }
    try FileManager.default.removeItem(atPath: directory)
    try outcome.get()
}

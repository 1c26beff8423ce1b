import ClusterEngine

/// Writes down what has been counted of a command's requests.
enum Evidently {
    /// The requests are served by now: a count that cannot be written is told, and is no failure.
    static func write(_ cluster: ClusterConnection) async {
        do {
            try await cluster.flushCounters()
        } catch {
            Talk.say("the request was served; it could not be counted: \(error)")
        }
    }
}

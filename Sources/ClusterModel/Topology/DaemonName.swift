/// The daemons that hold sessions.
package enum DaemonName: String, Sendable, Hashable, Codable {
    case queueworker
    case netnode
}

import ClusterModel
import MariaDB

/// Something that happened to an operation, to a client of a network's DHCP server, or to the cluster, as `events`
/// prints it: the timeline's event, and whose it is.
package struct EventView: Codable, Sendable, Hashable {
    /// The operation; null for other events.
    package let uuid: OperationID?
    /// Its tasks; none for other events.
    package let tasks: [TaskName]
    /// The event, with its time.
    package let event: TimelineEvent

    init(_ operation: Operation, _ event: TimelineEvent) {
        uuid = operation.id
        tasks = operation.tasks
        self.event = event
    }

    init(_ event: NetworkEvent) {
        (uuid, tasks) = (nil, [])
        let details: [String: JSONValue] = [
            "kind": .string(event.kind.rawValue), "network": .string("\(event.network)"),
            "node": .string("\(event.node)"), "mac": .string("\(event.mac)"),
            "address": event.address.map { JSONValue.string("\($0)") } ?? .null, "detail": .string(event.detail),
        ]
        self.event = TimelineEvent(at: event.at, .dhcp, details)
    }

    init(_ event: AuditEvent) {
        (uuid, tasks) = (nil, [])
        let change = event.change
        let details: [String: JSONValue] = [
            "kind": .string(change.kind.rawValue), "subject": .string(change.subject),
            "subject_uuid": change.subjectID.map { .string("\($0)") } ?? .null,
            "requester": .string(event.requester), "reason": change.reason.map { .string($0) } ?? .null,
            "values": .object(change.values),
        ]
        self.event = TimelineEvent(at: event.at, .change, details)
    }

    private enum CodingKeys: String, CodingKey {
        case uuid, tasks
    }

    /// Reads the event's keys beside `uuid` and `tasks`.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        uuid = try container.decode(OperationID?.self, forKey: .uuid)
        tasks = try container.decode([TaskName].self, forKey: .tasks)
        event = try TimelineEvent(from: decoder)
    }

    /// Writes the event's keys beside `uuid` and `tasks`.
    package func encode(to encoder: any Encoder) throws {
        try event.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(uuid, forKey: .uuid)
        try container.encode(tasks, forKey: .tasks)
    }
}

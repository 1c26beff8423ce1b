import ClusterEngine
import ClusterModel
import ClusterStore
import DatabaseTime
import MariaDB

/// One thing that happened to an operation, a network, or the cluster: `{"at", "event", …}`; what follows depends on
/// the event.
package struct TimelineEvent: Codable, Sendable, Hashable {
    /// A kind of event.
    package enum Event: String, Codable, Sendable, Hashable, CaseIterable {
        case enqueued
        case deduplicated
        case ready
        case claimed
        case startedExecuting = "started executing"
        case folded
        case unfolded
        case deferred
        case attemptFailed = "attempt failed"
        case reaped
        case handedBack = "handed back"
        case takenOver = "taken over"
        case cancelRequested = "cancel requested"
        case ended
        /// An exchange with a network's DHCP server, of the kind that its details name.
        case dhcp
        /// A change of the cluster by a person or a daemon, of the kind that its details name.
        case change
    }

    /// The time of the event, by the database's clock.
    package let at: Timestamp
    /// The kind of the event.
    package let event: Event
    /// The further details that are known, under keys of their own.
    package let details: [String: JSONValue]

    /// Creates an event; details named `at` or `event` would be hidden by the event's own.
    package init(at: Timestamp, _ event: Event, _ details: [String: JSONValue] = [:]) {
        self.at = at
        self.event = event
        self.details = details
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }

        static let at = Key(stringValue: "at")
        static let event = Key(stringValue: "event")
    }

    /// Reads an event and whatever else its object holds.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        at = try container.decode(Timestamp.self, forKey: .at)
        event = try container.decode(Event.self, forKey: .event)
        var details: [String: JSONValue] = [:]
        for key in container.allKeys where ![Key.at.stringValue, Key.event.stringValue].contains(key.stringValue) {
            details[key.stringValue] = try container.decode(JSONValue.self, forKey: key)
        }
        self.details = details
    }

    /// Writes the event and its details into one object.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for (key, value) in details { try container.encode(value, forKey: Key(stringValue: key)) }
        try container.encode(at, forKey: .at)
        try container.encode(event, forKey: .event)
    }
}

import DatabaseTime

/// A change of the cluster, as whoever makes it writes it down with it.
package struct AuditedChange: Sendable, Hashable {
    package let kind: AuditKind
    /// The name of what was changed: a node, a network, the host name of an interface, a pattern of queues.
    package let subject: String
    /// The id of what was changed; nil for what has none.
    package let subjectID: AuditSubjectID?
    /// The reason that was given, if one was.
    package let reason: String?
    /// The subject's properties after the change, or before its removal.
    package let values: [String: JSONValue]

    package init(
        _ kind: AuditKind,
        of subject: String,
        id: AuditSubjectID? = nil,
        reason: String? = nil,
        values: [String: JSONValue]
    ) {
        self.kind = kind
        self.subject = subject
        subjectID = id
        self.reason = reason
        self.values = values
    }
}

/// A change of the cluster, as the audit trail keeps it.
package struct AuditEvent: Sendable, Hashable {
    package let id: AuditEventID
    package let at: Timestamp
    package let change: AuditedChange
    /// The person or the daemon that made the change.
    package let requester: String

    package init(id: AuditEventID, at: Timestamp, change: AuditedChange, requester: String) {
        self.id = id
        self.at = at
        self.change = change
        self.requester = requester
    }
}

/// Marks the ids of audit events.
package enum AuditEventMark: IdentifiedKind {
    /// `audit event id`.
    package static let kind = "audit event id"
}

/// Marks the ids of what audit events are about.
package enum AuditSubjectMark: IdentifiedKind {
    /// `audit subject id`.
    package static let kind = "audit subject id"
}

/// Identifies an audit event.
package typealias AuditEventID = TypedID<AuditEventMark>
/// Identifies the node, network or interface that an audit event is about.
package typealias AuditSubjectID = TypedID<AuditSubjectMark>

import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Print what happened to operations, to DHCP clients and to the cluster, oldest first.",
        discussion: """
            Example: clusterctl events --follow -o json
            With --follow it prints one event a line, JSON or text, until it is interrupted. A failed attempt appears \
            with the next start. Of DHCP it has what says that something is wrong (refused and declined addresses, \
            unknown clients), each kind of a client at most once a minute, for a week; the rest is in netnode's log. \
            The audit trail has every change of nodes, networks, interfaces, pauses and leadership, with who made it, \
            for as long as history is kept: clusterctl events --kind change --since 7d
            """
    )

    @OptionGroup var global: GlobalOptions

    @Option(help: "Begin this long ago, such as 1h.", transform: { try DurationText($0) })
    var since: DurationText?

    @Option(
        help: """
            Print only events of this kind, such as ended, dhcp, change, or 'node *'; may be repeated.
            """,
        completion: Names.eventKinds
    )
    var kind: [String] = []

    @Option(
        help: """
            Print only events about this node, network, interface (by host name), queue or id; * stands for any run of \
            characters.
            """,
        completion: Names.subjects
    )
    var subject: String?

    @Flag(help: "Go on printing events as they happen.")
    var follow = false

    /// The time of the events that a reader has just missed.
    private static let recent: Duration = .seconds(600)

    func run() async throws {
        let choice = try EventChoice(kinds: kind, subject: subject)
        if follow { return try await global.withPatientCluster { try await tell(choice, from: $0) } }
        try await global.withCluster { try await tell(choice, from: $0) }
    }

    private func tell(_ choice: EventChoice, from cluster: ClusterConnection) async throws {
        // Who follows wants what comes, who does not wants what was.
        let since = since?.duration ?? (follow ? .zero : Self.recent)
        try await cluster.events(choice, since: since, follows: follow) { events, isComplete in
            if follow {
                for event in events { try global.printLine(event, text: event.line) }
            } else {
                try global.print(ListView(events))
            }
            if !isComplete { Talk.say("more has happened than was looked at: the oldest of it is missing") }
        }
    }
}

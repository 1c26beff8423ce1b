import ChildProcess
import ClusterModel

/// An error that keeps a network's server from its wanted state.
package struct ServerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The cause of the error.
    package enum Reason: Sendable, Hashable {
        /// The namespace's file cannot be opened: most often there is no such namespace.
        case noNamespace(Int32)
        case notStarted(String)
        /// The child ended before it served.
        case ended(ChildExit)
        case notServing(within: Duration)
        /// Its files were removed while it started.
        case filesTaken
        /// It runs, and did not answer a guest's question by `DHCP` or `DNS`.
        case notAnswering([String], within: Duration)
        /// It could not be asked.
        case notAsked(attempt: String, error: Int32)
        /// A process of an earlier run was killed and did not end.
        case leftoverStays(Int32)
        case file(path: String, attempt: String, error: Int32)
    }

    package let vni: VNI
    package let namespacePath: String
    package let reason: Reason
    /// The end of the child's stderr.
    package let complaint: String

    package init(_ reason: Reason, vni: VNI, namespacePath: String, complaint: String = "") {
        self.reason = reason
        self.vni = vni
        self.namespacePath = namespacePath
        self.complaint = complaint
    }

    /// One line: the network, its namespace, the cause, and the last line of stderr.
    package var description: String {
        let subject = "the server of network \(vni) (in \(namespacePath)) "
        let last = complaint.split(separator: "\n").last.map { ": \($0)" } ?? ""
        return subject + outcome + last
    }

    private var outcome: String {
        switch reason {
        case .noNamespace(let error): "has no namespace to live in (errno \(error)): is it made, and named so?"
        case .notStarted(let cause): "could not be started: \(cause)"
        case .ended(let exit): "ended with \(exit) before it served"
        case .notServing(let limit): "did not serve within \(limit), so it was ended"
        case .filesTaken: "did not find its files, which somebody took away while it started, so it was ended"
        case .notAnswering(let questions, let limit):
            "ran, but did not answer \(questions.joined(separator: " and ")) within \(limit), so it was ended"
        case .notAsked(let attempt, let error):
            "could not be asked whether it serves: cannot \(attempt) (errno \(error))"
        case .leftoverStays(let pid): "cannot start: process \(pid) of an earlier run was killed and has not gone"
        case .file(let path, let attempt, let error): "cannot \(attempt) \(path) (errno \(error))"
        }
    }
}

/// The servers are closed: none may run, so none is started.
package struct ServersClosed: Error, Sendable, Hashable, CustomStringConvertible {
    package init() {}

    package var description: String { "no server may run on this node now, so none was started" }
}

import CNetlink
import ChildProcess
import ClusterEngine
import ClusterModel
import ClusterStore
import FoundationEssentials
import Glibc
import Synchronization

/// The subscription to the kernel's events on this node: one rtnetlink socket for devices, addresses and forwarding
/// entries of the node and of its networks' namespaces, one nftables socket for rules, and one inotify instance (a
/// machine has 128 for all) for names and files.
///
/// An event is a reason for a drift check, and no more: the kernel drops events when it has too many, and says so.
final class NetlinkMonitor: Sendable {
    private enum Source: Hashable {
        case routes, rules, files
    }

    private struct State {
        var sources: [Source: WatchedDescriptor] = [:]
        /// The sources that failed, and are opened anew.
        ///
        /// They are closed by the next ``listen()`` and not by their own reactions, which hold them.
        var failed: Set<Source> = []
        /// A Boolean value that indicates whether the kernel reports the events of this process's namespace only.
        var isConfined = false
        /// The inotify instance.
        var files: Int32?
        var places: WatchedPlaces
        var transaction = RuleEvents()
    }

    /// The size of the buffer in which the kernel keeps events while we do not read: a batch of 5,000 entries is an
    /// event each, of about 1 KB with what the kernel counts.
    private static let receiveBuffer: Int32 = 8 << 20
    /// The longest event seen has 2 KB.
    private static let longestDatagram = 64 << 10
    /// Reads in one go: the thread is also the one that sees children end, and a guest can make events as fast as
    /// they are read, by frames from ever new addresses.
    private static let mostAtOnce = 64

    private let stateDirectory: String
    private let note: @Sendable (HostChange) -> Void
    private let state: Mutex<State>

    /// Creates a monitor that receives nothing before ``listen()``.
    ///
    /// - Parameters:
    ///   - prefix: what the names of this node's namespaces begin with.
    ///   - stateDirectory: has a directory for each network.
    ///   - note: called with each change, on a thread that it must not block.
    init(prefix: String, stateDirectory: String, note: @escaping @Sendable (HostChange) -> Void) {
        self.stateDirectory = stateDirectory
        self.note = note
        state = Mutex(State(places: WatchedPlaces(prefix: prefix)))
    }

    /// Opens the sources that are not open; to be called from time to time, because sources fail, and directories come
    /// and go.
    ///
    /// - Throws: The error of the first source that cannot be opened; the others are open.
    func listen() throws {
        var failure: (any Error)?
        for begin in [listenToRoutes, listenToRules, watchFiles] {
            do { try begin() } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
        if state.withLock({ $0.isConfined }) {
            let attempt = "receive events of other namespaces without CAP_NET_BROADCAST"
            throw NetlinkError.refused(attempt: attempt, error: EPERM)
        }
    }

    /// Closes all sources.
    func close() {
        let sources = state.withLock { state in
            defer { (state.sources, state.files) = ([:], nil) }
            return state.sources
        }
        for source in sources.values { source.close() }
    }

    /// Opens a source, if it is not open.
    private func open(
        _ source: Source,
        _ attempt: String,
        _ make: (_ everywhere: inout Bool) -> Int32,
        _ react: @escaping @Sendable (NetlinkMonitor, Int32) -> Bool
    ) throws {
        let (isOpen, failed) = state.withLock { state in
            let failed = state.failed.remove(source) == nil ? nil : state.sources.removeValue(forKey: source)
            return (state.sources[source] != nil, failed)
        }
        failed?.close()
        guard !isOpen else { return }
        var everywhere = true
        let number = make(&everywhere)
        guard number >= 0 else { throw NetlinkError.refused(attempt: attempt, error: errno) }
        let descriptor = try WatchedDescriptor(owning: number) { [weak self] number in
            self.map { react($0, number) } ?? false
        }
        state.withLock { state in
            state.sources[source] = descriptor
            state.isConfined = state.isConfined || !everywhere
            if source == .files { state.files = number }
        }
        // What has happened before is not known.
        note(.insides)
    }

    // MARK: Netlink

    private func listenToRoutes() throws {
        try open(.routes, "subscribe to devices", { cnetlink_subscribe_routes(Self.receiveBuffer, &$0) }) {
            $0.receiveRoutes($1)
        }
    }

    private func listenToRules() throws {
        try open(.rules, "subscribe to rules", { cnetlink_subscribe_rules(Self.receiveBuffer, &$0) }) {
            $0.receiveRules($1)
        }
    }

    private func receiveRoutes(_ socket: Int32) -> Bool {
        var changes: Set<HostChange> = []
        let goesOn = receive(socket) { bytes, isElsewhere in
            changes.formUnion(try RouteEvents.changes(in: bytes, isElsewhere: isElsewhere))
        } lost: {
            changes.insert(.lost)
        }
        changes.forEach(note)
        if !goesOn { _ = state.withLock { $0.failed.insert(.routes) } }
        return goesOn
    }

    private func receiveRules(_ socket: Int32) -> Bool {
        var changes: Set<HostChange> = []
        let goesOn = receive(socket) { bytes, isElsewhere in
            guard !isElsewhere else {
                if try RuleEvents.concernNamespace(bytes) { changes.insert(.namespaceRules) }
                return
            }
            changes.formUnion(try state.withLock { try $0.transaction.note(bytes) })
        } lost: {
            state.withLock { $0.transaction.forget() }
            changes.insert(.lostRules)
        }
        changes.forEach(note)
        if !goesOn { _ = state.withLock { $0.failed.insert(.rules) } }
        return goesOn
    }

    /// Reads datagrams until there is none, at most ``mostAtOnce``; one that cannot be read counts as lost.
    ///
    /// - Returns: Whether the socket can still be read.
    private func receive(
        _ socket: Int32,
        _ take: ([UInt8], Bool) throws -> Void,
        lost: () -> Void
    ) -> Bool {
        for _ in 0..<Self.mostAtOnce {
            var (length, error, isElsewhere) = (0, Int32(0), false)
            let bytes = [UInt8](unsafeUninitializedCapacity: Self.longestDatagram) { buffer, count in
                guard let start = buffer.baseAddress else { return }
                length = cnetlink_next(socket, start, Self.longestDatagram, &isElsewhere)
                error = errno
                count = max(0, length)
            }
            guard length != 0 else { return true }
            do {
                if length > 0 { try take(bytes, isElsewhere) } else { lost() }
            } catch {
                lost()
            }
            guard length > 0 || error == ENOBUFS else { return false }
        }
        // The event loop calls again for the rest, after the others that wait for this thread.
        return true
    }

    // MARK: Files

    /// Watches the directories that exist now; one that is watched already costs a system call.
    private func watchFiles() throws {
        try open(.files, "watch files", { _ in inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC)) }) {
            $0.receiveFiles($1)
        }
        // As `ip netns` does it before the first name.
        mkdir(NamespaceName.directory, 0o755)
        try watch(NamespaceName.directory, as: .names)
        try watch(stateDirectory, as: .networks)
        for name in try FileManager.default.contentsOfDirectory(atPath: stateDirectory) {
            guard let vni = try? VNI(name) else { continue }
            do {
                try watch("\(stateDirectory)/\(name)", as: .network(vni))
            } catch {
                // Removed in between.
                guard error.number == ENOENT else { throw error }
            }
        }
    }

    private func watch(_ path: String, as place: WatchedPlaces.Place) throws(NetlinkError) {
        let (watch, error) = state.withLock { state in
            guard let number = state.files else { return (Int32(-1), EBADF) }
            let watch = inotify_add_watch(number, path, WatchedPlaces.mask)
            let error = errno
            if watch >= 0 { state.places.add(place, as: watch) }
            return (watch, error)
        }
        guard watch >= 0 else { throw .refused(attempt: "watch \(path)", error: error) }
    }

    private func receiveFiles(_ number: Int32) -> Bool {
        for _ in 0..<Self.mostAtOnce {
            var (length, error) = (0, Int32(0))
            let bytes = [UInt8](unsafeUninitializedCapacity: Self.longestDatagram) { buffer, count in
                length = read(number, buffer.baseAddress, Self.longestDatagram)
                error = errno
                count = max(0, length)
            }
            guard length > 0 else {
                if error == EAGAIN || error == EINTR { return true }
                _ = state.withLock { $0.failed.insert(.files) }
                return false
            }
            let changes = state.withLock { state in
                Set(FileEvent.all(in: bytes).compactMap { state.places.change($0) })
            }
            changes.forEach(note)
        }
        return true
    }
}

import ClusterModel
import ClusterStore
import Glibc

/// An event of inotify about one entry of a directory, as the kernel lays it out; pure.
package struct FileEvent: Sendable, Hashable {
    /// The number of the watched directory; -1 of none.
    package let watch: Int32
    package let mask: UInt32
    /// The name of the entry; empty for the directory itself.
    package let name: String

    package init(watch: Int32, mask: UInt32, name: String) {
        self.watch = watch
        self.mask = mask
        self.name = name
    }

    /// Decodes the bytes of one read.
    package static func all(in bytes: [UInt8]) -> [FileEvent] {
        var events: [FileEvent] = []
        var rest = bytes[...]
        while let watch = rest.number(at: 0, Int32.self), let mask = rest.number(at: 4, UInt32.self),
            let length = rest.number(at: 12, UInt32.self).map(Int.init), headerLength + length <= rest.count
        {
            let name = rest.dropFirst(headerLength).prefix(length).prefix { $0 != 0 }
            events.append(FileEvent(watch: watch, mask: mask, name: String(decoding: name, as: UTF8.self)))
            rest = rest.dropFirst(headerLength + length)
        }
        return events
    }

    private static let headerLength = 16
}

/// The directories that are watched, and what a change in them means; pure.
package struct WatchedPlaces: Sendable {
    /// The contents of a watched directory.
    package enum Place: Sendable, Hashable {
        /// The names of namespaces.
        case names
        /// A directory for each network.
        case networks
        case network(VNI)
    }

    /// The events to subscribe to: not each write, of which dnsmasq does many, but the close after it.
    package static let mask = UInt32(
        IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF
            | IN_ONLYDIR
    )

    private let prefix: String
    private var places: [Int32: Place] = [:]

    /// - Parameter prefix: the prefix of our namespaces' names.
    package init(prefix: String) { self.prefix = prefix }

    /// Notes a directory that is watched under a number.
    package mutating func add(_ place: Place, as watch: Int32) { places[watch] = place }

    /// Returns the change that an event stands for, and forgets directories that are not watched any more.
    package mutating func change(_ event: FileEvent) -> HostChange? {
        if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { return .lost }
        guard let place = places[event.watch] else { return nil }
        if event.mask & UInt32(IN_IGNORED) != 0 { places[event.watch] = nil }
        switch place {
        case .names:
            let isOurs = event.name.isEmpty || NamespaceName(event.name, prefix: prefix) != nil
            return isOurs ? .names : nil
        case .networks:
            return (try? VNI(event.name)).map { .files($0) }
        case .network(let vni):
            // An unfinished file is renamed once it is whole.
            return event.name.hasSuffix(ServerDisk.unfinishedSuffix) ? nil : .files(vni)
        }
    }
}

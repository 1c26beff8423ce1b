/// The step that brings a network's server to its wanted state.
package enum ServerPlan: Sendable, Hashable {
    case nothing
    /// Write the files that differ, send SIGHUP, and end the leases of guests that are gone.
    case reload
    case restart
    case start
    case stop

    /// The facts that are known of the running child.
    package struct Child: Sendable, Hashable {
        /// The configuration that it was started with.
        package let configuration: String
        /// The hosts and names that it is known to have read last; nil when that is not certain.
        package let hosts: String?
        package let names: String?
        /// A Boolean value that indicates whether it lives in the namespace, on the device and with the lease file that
        /// a new one would.
        package let isInPlace: Bool

        package init(configuration: String, hosts: String?, names: String?, isInPlace: Bool) {
            self.configuration = configuration
            self.hosts = hosts
            self.names = names
            self.isInPlace = isInPlace
        }
    }

    /// The contents of the directory; nil is a file that is not there.
    package struct Disk: Sendable, Hashable {
        package let configuration: [UInt8]?
        package let hosts: [UInt8]?
        package let names: [UInt8]?

        package init(configuration: [UInt8]?, hosts: [UInt8]?, names: [UInt8]?) {
            self.configuration = configuration
            self.hosts = hosts
            self.names = names
        }
    }

    /// The leases in the lease file of guests that are not wanted, as far as the file can be read.
    package enum Strays: Sendable, Hashable {
        case none
        case some([LeaseFile.Lease])
        /// It could not be read, so there may be some if a guest was taken away.
        case unknown

        /// The most leases that are ended one by one: dnsmasq writes its file anew after each, and from here on some
        /// 10 ms of silence are less.
        package static let mostReleased = 32

        /// Returns whether leases must be ended that cannot be ended one by one.
        ///
        /// - Parameters:
        ///   - old: the hosts file before; nil when that is not certain.
        ///   - new: the hosts file as it should be.
        /// - Returns: Whether only a restart makes sure that no lease keeps an address from the guest that is to have
        ///   it.
        package func needRestart(from old: String?, to new: String) -> Bool {
            switch self {
            case .none: false
            case .some(let leases): leases.count > Self.mostReleased
            case .unknown: Self.isAnyoneGone(from: old, to: new)
            }
        }

        /// Returns whether it is certain that no lease keeps an address from the guest that is to have it, by the
        /// leases that were read after some were ended one by one.
        package func areGone(from old: String?, to new: String) -> Bool {
            switch self {
            case .none: true
            case .some: false
            case .unknown: !Self.isAnyoneGone(from: old, to: new)
            }
        }

        /// A Boolean value that indicates whether nothing is known that would have to be ended.
        fileprivate var canStay: Bool {
            if case .some = self { false } else { true }
        }

        private static func isAnyoneGone(from old: String?, to new: String) -> Bool {
            guard let old else { return true }
            return !Set(old.split(separator: "\n")).isSubset(of: new.split(separator: "\n"))
        }
    }

    /// Decides on the step.
    ///
    /// - Parameters:
    ///   - child: the running child; nil when none runs.
    ///   - disk: the files that there are.
    ///   - wanted: the files that are wanted; nil when the network needs no server.
    ///   - strays: only examined when a child runs; a start has an empty lease file.
    package init(child: Child?, disk: Disk, wanted: ServerFiles?, strays: Strays) {
        guard let wanted else {
            self = child == nil ? .nothing : .stop
            return
        }
        guard let child else {
            self = .start
            return
        }
        let isConfigured =
            child.configuration == wanted.configuration && Self.isSame(disk.configuration, wanted.configuration)
        // A restart always ends leases correctly, and the server does not answer for some 10 ms.
        guard child.isInPlace, isConfigured, !strays.needRestart(from: child.hosts, to: wanted.hosts) else {
            self = .restart
            return
        }
        let isSame =
            child.hosts == wanted.hosts && child.names == wanted.names
            && Self.isSame(disk.hosts, wanted.hosts) && Self.isSame(disk.names, wanted.names)
            && strays.canStay
        self = isSame ? .nothing : .reload
    }

    /// Returns whether a file has exactly the bytes of a text; a file that is not there never has.
    static func isSame(_ bytes: [UInt8]?, _ text: String) -> Bool {
        guard let bytes, bytes.count == text.utf8.count else { return false }
        return bytes == Array(text.utf8)
    }
}

/// The action that a pass took on a network's server.
package enum ServerPass: String, Sendable, Hashable {
    case nothing, reloaded, restarted, started, stopped
}

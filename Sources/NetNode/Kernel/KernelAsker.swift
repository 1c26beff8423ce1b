import CNetlink
import ClusterStore
import Glibc

/// A netlink socket for requests to the kernel about one namespace; its calls block.
struct KernelAsker: ~Copyable {
    private let socket: Int32

    init(_ path: String?, about subject: cnetlink_subject = CNETLINK_ROUTING) throws(NetlinkError) {
        socket = cnetlink_ask(path, subject)
        guard socket >= 0 else {
            throw .refused(attempt: "ask the kernel about \(path ?? "this node's devices")", error: errno)
        }
    }

    /// The rules of a namespace.
    static func rules(in name: NamespaceName) throws(NetlinkError) -> NamespaceRules {
        let asker = try KernelAsker(name.path, about: CNETLINK_RULES)
        let number = cnetlink_rules_generation(asker.socket)
        guard number >= 0 else { throw .refused(attempt: "ask the kernel about rules in \(name)", error: errno) }
        let rules = try asker.all(CNETLINK_RULE_LIST, of: newRule) { payload throws(NetlinkError) in payload }
        return try NamespaceRules(generation: UInt32(truncatingIfNeeded: number), rules)
    }

    /// NFT_MSG_NEWRULE, of the subsystem of nftables.
    private static let newRule: UInt16 = 10 << 8 | 6

    /// Puts devices of a namespace into a device group; one that is not there is left out.
    static func setGroup(_ group: UInt32, of devices: [String], in name: NamespaceName) throws(NetlinkError) {
        let asker = try KernelAsker(name.path)
        for device in devices where cnetlink_set_group(asker.socket, device, group) != 0 && errno != ENODEV {
            throw .refused(attempt: "put \(device) in \(name) into group \(group)", error: errno)
        }
    }

    /// The handle of a table of the bridge family in the namespace of a file, or in the process's own.
    ///
    /// - Returns: The kernel's number for it, which a table that is made anew does not have; nil when there is none.
    static func bridgeTable(_ name: String, in path: String?) throws(NetlinkError) -> UInt64? {
        let asker = try KernelAsker(path, about: CNETLINK_RULES)
        let handle = cnetlink_bridge_table(asker.socket, name)
        if handle < 0, errno == ENOENT { return nil }
        guard handle >= 0 else { throw .refused(attempt: "ask the kernel about the table \(name)", error: errno) }
        return UInt64(handle)
    }

    deinit {
        close(socket)
    }

    /// Reads kernel settings of a namespace, by the names that `sysctl` has for them.
    static func settings(_ keys: [String], in name: NamespaceName) throws(NetlinkError) -> [String] {
        let files = keys.map { "/proc/sys/" + $0.replacing(".", with: "/") }.joined(separator: "\n")
        var values = [CChar](repeating: 0, count: longestSetting * keys.count)
        let length = cnetlink_settings(name.path, files, &values, values.count)
        guard length >= 0 else { throw .refused(attempt: "read kernel settings in \(name)", error: errno) }
        let text = String(decoding: values.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    /// The length of a number and its line's end, with room.
    private static let longestSetting = 32

    borrowing func devices() throws(NetlinkError) -> [DeviceMessage] {
        try all(CNETLINK_LINKS, of: 16) { payload throws(NetlinkError) in try DeviceMessage(payload) }
    }

    borrowing func addresses() throws(NetlinkError) -> [AddressMessage] {
        try all(CNETLINK_ADDRESSES, of: 20) { payload throws(NetlinkError) in try AddressMessage(payload) }
    }

    borrowing func entries(_ names: [Int: String]) throws(NetlinkError) -> [EntryMessage] {
        try all(CNETLINK_ENTRIES, of: 28) { payload throws(NetlinkError) in try EntryMessage(payload, names: names) }
    }

    borrowing func routes() throws(NetlinkError) -> [RouteMessage] {
        try all(CNETLINK_ROUTES, of: 24) { payload throws(NetlinkError) in try RouteMessage(payload) }
    }

    private borrowing func all<Row>(
        _ kind: cnetlink_kind,
        of type: UInt16,
        _ read: (ArraySlice<UInt8>) throws(NetlinkError) -> Row
    ) throws(NetlinkError) -> [Row] {
        var answer: UnsafeMutableRawPointer?
        let length = cnetlink_dump(socket, kind, &answer)
        guard length >= 0 else {
            throw .refused(attempt: "read the kernel's devices, routes and entries", error: errno)
        }
        defer { free(answer) }
        let bytes = [UInt8](UnsafeRawBufferPointer(start: answer, count: length))
        var rows: [Row] = []
        for message in try NetlinkMessage.all(in: bytes) where message.type == type {
            rows.append(try read(message.payload))
        }
        return rows
    }
}

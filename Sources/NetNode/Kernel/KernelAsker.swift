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

    /// The sockets for both subjects in one namespace, for which the thread goes there once.
    struct Both: ~Copyable {
        let routing: KernelAsker
        let rules: KernelAsker

        init(_ path: String) throws(NetlinkError) {
            var (routing, rules): (Int32, Int32) = (-1, -1)
            guard cnetlink_ask_both(path, &routing, &rules) == 0 else {
                throw .refused(attempt: "ask the kernel about \(path)", error: errno)
            }
            self.routing = KernelAsker(socket: routing)
            self.rules = KernelAsker(socket: rules)
        }
    }

    private init(socket: Int32) {
        self.socket = socket
    }

    /// The rules of a namespace.
    static func rules(in name: NamespaceName) throws(NetlinkError) -> NamespaceRules {
        try KernelAsker(name.path, about: CNETLINK_RULES).rules()
    }

    /// The rules of the namespace.
    borrowing func rules() throws(NetlinkError) -> NamespaceRules {
        let number = try rulesGeneration()
        let rules = try all(CNETLINK_RULE_LIST, of: Self.newRule) { payload throws(NetlinkError) in payload }
        return try NamespaceRules(generation: number, rules)
    }

    /// The number of the last transaction on the rules of the namespace.
    borrowing func rulesGeneration() throws(NetlinkError) -> UInt32 {
        let number = cnetlink_rules_generation(socket)
        guard number >= 0 else { throw .refused(attempt: "ask the kernel about transactions on rules", error: errno) }
        return UInt32(truncatingIfNeeded: number)
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

    /// The devices of the namespace.
    ///
    /// - Parameter counters: whether to read the traffic too, of which the kernel adds up what each processor has
    ///   counted; without, it leaves out the mode of IPv6 addresses as well.
    /// - Returns: All of them.
    /// - Throws: ``NetlinkError`` when the answer is incomplete.
    borrowing func devices(withCounters counters: Bool = true) throws(NetlinkError) -> [DeviceMessage] {
        try all(counters ? CNETLINK_LINKS : CNETLINK_LINKS_WITHOUT_COUNTERS, of: 16) { payload throws(NetlinkError) in
            try DeviceMessage(payload)
        }
    }

    borrowing func addresses() throws(NetlinkError) -> [AddressMessage] {
        try all(CNETLINK_ADDRESSES, of: 20) { payload throws(NetlinkError) in try AddressMessage(payload) }
    }

    /// The rows of one device's forwarding database, and of the bridge's that lead to it.
    ///
    /// Only these leave the kernel, so that a guest whose addresses fill the table of one bridge makes the read of no
    /// other device longer.
    borrowing func entries(of device: Int, _ names: [Int: String]) throws(NetlinkError) -> [EntryMessage] {
        let (socket, newEntry) = (socket, UInt16(28))
        return try rows(of: newEntry) {
            cnetlink_dump_entries(socket, Int32(truncatingIfNeeded: device), &$0)
        } read: { payload throws(NetlinkError) in
            try EntryMessage(payload, names: names)
        }
    }

    borrowing func routes() throws(NetlinkError) -> [RouteMessage] {
        try all(CNETLINK_ROUTES, of: 24) { payload throws(NetlinkError) in try RouteMessage(payload) }
    }

    private borrowing func all<Row>(
        _ kind: cnetlink_kind,
        of type: UInt16,
        _ read: (ArraySlice<UInt8>) throws(NetlinkError) -> Row
    ) throws(NetlinkError) -> [Row] {
        let socket = socket
        return try rows(of: type, dump: { cnetlink_dump(socket, kind, &$0) }, read: read)
    }

    private borrowing func rows<Row>(
        of type: UInt16,
        dump: (inout UnsafeMutableRawPointer?) -> Int,
        read: (ArraySlice<UInt8>) throws(NetlinkError) -> Row
    ) throws(NetlinkError) -> [Row] {
        var answer: UnsafeMutableRawPointer?
        let length = dump(&answer)
        guard length >= 0 else {
            throw .refused(attempt: "read the kernel's devices, routes, entries and rules", error: errno)
        }
        defer { free(answer) }
        let bytes = [UInt8](UnsafeRawBufferPointer(start: answer, count: length))
        var rows: [Row] = []
        for message in try NetlinkMessage.all(in: bytes) where message.type == type {
            rows.append(try read(message.payload))
        }
        return rows
    }

    // MARK: Tables of the bridge family

    /// The messages of one part of a table; nil when there is no such table or set.
    borrowing func part(
        _ part: cnetlink_part,
        of table: String,
        set: String? = nil
    ) throws(NetlinkError) -> [ArraySlice<UInt8>]? {
        let message: UInt16 =
            switch part {
            case CNETLINK_TABLE_CHAINS: 3
            case CNETLINK_TABLE_RULES: 6
            case CNETLINK_TABLE_ELEMENTS: 12
            default: 18
            }
        let (socket, subsystem) = (socket, UInt16(10))
        do throws(NetlinkError) {
            return try rows(of: subsystem << 8 | message) {
                cnetlink_dump_bridge_table(socket, part, table, set, &$0)
            } read: { payload throws(NetlinkError) in
                payload
            }
        } catch {
            guard error.number == ENOENT else { throw error }
            return nil
        }
    }
}

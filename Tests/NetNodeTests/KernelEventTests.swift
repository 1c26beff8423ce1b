import ClusterModel
import NetNode
import Testing

/// What events of the kernel are read as; the bytes are real ones.
@Suite struct KernelEventTests {
    @Test func `an address inside a namespace is a reason for a drift check, and one of the node's own is not`() throws
    {
        #expect(try RouteEvents.changes(in: KernelCaptures.address, isElsewhere: true) == [.insides])
        #expect(try RouteEvents.changes(in: KernelCaptures.address, isElsewhere: false) == [])
        let message = try #require(try NetlinkMessage.all(in: KernelCaptures.address).first)
        let address = try AddressMessage(message.payload)
        #expect(address.address == "10.9.0.1/24" && address.label == "gw0" && address.device == 2)
    }

    @Test func `an address under a label of its own is one of its device`() throws {
        let label: [UInt8] = [8, 0, 3, 0] + Array("gw0".utf8) + [0]
        let other: [UInt8] = [10, 0, 3, 0] + Array("gw0:7".utf8) + [0, 0, 0]
        var bytes = KernelCaptures.address
        bytes.replaceSubrange(try #require(bytes.firstRange(of: label)), with: other)
        bytes[0] += UInt8(other.count - label.count)
        #expect(try RouteEvents.changes(in: bytes, isElsewhere: true) == [.insides])
    }

    @Test func `a default route inside a namespace is a reason for a drift check, and no other route is`() throws {
        #expect(try RouteEvents.changes(in: KernelCaptures.defaultRouteGone, isElsewhere: true) == [.insides])
        #expect(try RouteEvents.changes(in: KernelCaptures.defaultRouteGone, isElsewhere: false) == [])
        #expect(try RouteEvents.changes(in: KernelCaptures.otherRoute, isElsewhere: true) == [])
    }

    @Test func `a tunnel's static row is a reason for a drift check, and what bridges learn and neighbours do is none`()
        throws
    {
        let (peer, vni) = (try IPv4Address("192.0.2.2"), 9)
        #expect(try RouteEvents.changes(in: KernelCaptures.flood, isElsewhere: false) == [.entries])
        #expect(try entry(KernelCaptures.flood) == ForwardingEntry(.flood, to: peer))
        #expect(try RouteEvents.changes(in: KernelCaptures.detour, isElsewhere: false) == [.entries])
        let guest = ForwardingEntry.Station.guest(try MACAddress("02:00:00:00:00:0b"))
        #expect(
            try entry(KernelCaptures.detour)
                == ForwardingEntry(guest, to: peer, detour: .init(port: 8472, vni: vni))
        )
        for bytes in [KernelCaptures.learned, KernelCaptures.neighbour] {
            #expect(try RouteEvents.changes(in: bytes, isElsewhere: false) == [])
        }
    }

    @Test func `a device of ours is a reason for a drift check, and one of that name elsewhere is not`() throws {
        #expect(try RouteEvents.changes(in: KernelCaptures.unplugged, isElsewhere: false) == [.devices])
        #expect(try RouteEvents.changes(in: KernelCaptures.unplugged, isElsewhere: true) == [])
        let message = try #require(try NetlinkMessage.all(in: KernelCaptures.unplugged).first)
        #expect(try DeviceMessage(message.payload).name == "cogw100")
    }

    @Test func `a guest's port that comes or goes, and a static row at one, are reasons for a drift check`() throws {
        // The same of a device that is not ours, by its name.
        let name = try #require(KernelCaptures.unplugged.firstRange(of: Array("cogw100".utf8)))
        var unplugged = KernelCaptures.unplugged
        unplugged.replaceSubrange(name, with: Array("vnet100".utf8))
        #expect(try RouteEvents.changes(in: unplugged, isElsewhere: false) == [.devices])
        #expect(try RouteEvents.changes(in: unplugged, isElsewhere: true) == [])
        var row = KernelCaptures.learned
        // NUD_NOARP, as a static row has it, in place of NUD_REACHABLE.
        row[Self.stateOffset] = 0x40
        #expect(try RouteEvents.changes(in: row, isElsewhere: false) == [.entries])
        let message = try #require(try NetlinkMessage.all(in: row).first)
        let entry = try EntryMessage(message.payload)
        let mac = try MACAddress("02:00:00:00:00:0c")
        #expect(entry.entry == nil && entry.station == mac)
    }

    @Test func `several events in one datagram are all read, and what is cut short is an error`() throws {
        let both = KernelCaptures.unplugged + KernelCaptures.learned + KernelCaptures.flood
        #expect(try RouteEvents.changes(in: both, isElsewhere: false) == [.devices, .entries])
        for length in [1, 15, both.count - 1] {
            #expect(throws: NetlinkError.self) {
                try RouteEvents.changes(in: Array(both.prefix(length)), isElsewhere: false)
            }
        }
    }

    @Test func `rules that others change are told from those that we make anew`() throws {
        var events = RuleEvents()
        let steps: [(bytes: [UInt8], isForeign: Bool)] = [
            (KernelCaptures.remade, false), (KernelCaptures.remadeEnd, false),
            (KernelCaptures.rule, false), (KernelCaptures.ruleEnd, true),
            (KernelCaptures.remade + KernelCaptures.remadeEnd, false),
            (KernelCaptures.element, false), (KernelCaptures.elementEnd, true),
            (KernelCaptures.flushed + KernelCaptures.flushedEnd, true),
            // A transaction that does not concern the table.
            (KernelCaptures.flushedEnd, false),
        ]
        for (number, step) in steps.enumerated() {
            #expect(try events.note(step.bytes) == (step.isForeign ? [.rules] : []), "step \(number)")
        }
        // The tables that keep guests out of the node are told of as the gate is, by their families.
        for (family, isOurs) in [(UInt8(1), true), (3, true), (2, false)] {
            var rule = KernelCaptures.rule
            rule[Self.familyOffset] = family
            #expect(try events.note(rule + KernelCaptures.ruleEnd) == (isOurs ? [.rules] : []), "family \(family)")
            // Who makes one of them anew has not made another one.
            let both = KernelCaptures.remade + rule + KernelCaptures.remadeEnd
            #expect(try events.note(both) == (isOurs ? [.rules] : []))
        }
        // Made and taken away again is gone.
        #expect(try events.note(KernelCaptures.remade) == [])
        #expect(try events.note(KernelCaptures.flushed + KernelCaptures.flushedEnd) == [.rules])
        // What was begun before something was lost is no part of what follows.
        #expect(try events.note(KernelCaptures.rule) == [])
        events.forget()
        #expect(try events.note(KernelCaptures.ruleEnd) == [])
    }

    @Test func `names and files are told apart by their directories, and half-written files are no news`() throws {
        var places = WatchedPlaces(prefix: "co-")
        let vni = try VNI(100)
        places.add(.names, as: 1)
        places.add(.networks, as: 2)
        places.add(.network(vni), as: 3)
        let added = try #require(FileEvent.all(in: KernelCaptures.nameAdded).first)
        #expect(added == FileEvent(watch: 1, mask: 0x100, name: "co-100"))
        #expect(places.change(added) == .names)
        let closed: UInt32 = 0x8
        #expect(places.change(FileEvent(watch: 1, mask: closed, name: "other-100")) == nil)
        #expect(places.change(FileEvent(watch: 2, mask: closed, name: "100")) == .files(vni))
        #expect(places.change(FileEvent(watch: 2, mask: closed, name: "lock")) == nil)
        #expect(places.change(FileEvent(watch: 3, mask: closed, name: "hosts")) == .files(vni))
        #expect(places.change(FileEvent(watch: 3, mask: closed, name: "hosts.new")) == nil)
        let (overflow, ignored): (UInt32, UInt32) = (0x4000, 0x8000)
        #expect(places.change(FileEvent(watch: -1, mask: overflow, name: "")) == .lost)
        // The directory is gone: what comes under its number later is of another one.
        #expect(places.change(FileEvent(watch: 3, mask: ignored, name: "")) == .files(vni))
        #expect(places.change(FileEvent(watch: 3, mask: closed, name: "hosts")) == nil)
    }

    @Test func `changes add up, and what was lost stands for all`() throws {
        var changes = HostChanges()
        for change in [HostChange.devices, .rules, .portRules] { changes.note(change) }
        #expect(changes == HostChanges())
        for change in [HostChange.insides, .names, .namespaceRules, .lostRules, .lost] {
            var one = HostChanges()
            one.note(change)
            #expect(one.insides)
        }
        changes.note(.files(try VNI(100)))
        var other = HostChanges()
        other.note(.entries)
        other.note(.files(try VNI(200)))
        changes.note(other)
        #expect(!changes.insides)
        other.note(.insides)
        changes.note(other)
        #expect(changes.entries && changes.insides && changes.files?.map(\.rawValue).sorted() == [100, 200])
        changes.note(.lost)
        changes.note(other)
        #expect(changes.entries && changes.files == nil)
    }

    /// Of a message's first byte behind its header.
    private static let familyOffset = 16
    /// Behind the header, the state of a row.
    private static let stateOffset = 16 + 8

    private func entry(_ bytes: [UInt8]) throws -> ForwardingEntry? {
        let message = try #require(try NetlinkMessage.all(in: bytes).first)
        return try EntryMessage(message.payload).entry
    }
}

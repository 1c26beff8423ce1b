import ChildProcess
import ClusterModel
import ClusterOpsTestKit
import Foundation
import NetNode
import Testing

extension NamespaceTests {
    /// The kernel's side of NAT and floating addresses: real packets between guests and a host outside.
    @Suite(.serialized) struct EgressTests {
        @Test func `guests of equal addresses are seen and reached under their networks' own external ones`()
            async throws
        {
            try await withEgress { world in
                try await world.pass(try world.both())
                try await world.open()
                for index in EgressWorld.networks {
                    let floating = try await world.guest(12, in: index)
                    let other = try await world.guest(11, in: index)
                    let (float, own) = (EgressWorld.floats[index], EgressWorld.own[index])
                    try await eventually("network \(index) is through") { try await world.seen(other) == own }
                    #expect(try await world.seen(floating) == float)
                    #expect(try await world.reached(float) == EgressWorld.name(12, index))
                    // A guest that goes by the float to its neighbour, and one that goes to itself.
                    let name = EgressWorld.name(12, index)
                    #expect(try await world.get("name", at: float, from: other.namespace) == name)
                    #expect(try await world.get("name", at: float, from: floating.namespace) == name)
                    // Who has no float is not reached, and the network's own address leads to no guest.
                    #expect(try await world.reached(own) == nil)
                    #expect(try await world.answersPing(own, from: world.outside.namespace))
                }
                // From network to network, by floats only.
                let stranger = try await world.guest(13, in: 0)
                let second = EgressWorld.floats[1]
                #expect(try await world.get("name", at: second, from: stranger.namespace) == EgressWorld.name(12, 1))
                #expect(try await world.seen(stranger, at: second) == EgressWorld.own[0])
                // Outside, nobody hears of the guests' gateway, whose address other networks have too.
                let route = "ip route add 10.9.0.0/24 dev segment"
                try await world.underlay.run(route, in: world.outside.namespace)
                #expect(try await !world.answersPing("10.9.0.1", from: world.outside.namespace))
                // Nor does a guest get out under an address that is not its network's.
                try await world.underlay.run("ip addr add 198.51.100.9/32 dev eth0", in: stranger.namespace)
                let forged = ["ping", "-n", "-c", "1", "-W", "1", "-I", "198.51.100.9", EgressWorld.outsideAddress]
                try await world.underlay.run("ip route add 198.51.100.0/24 dev segment", in: world.outside.namespace)
                _ = try await world.run(forged, in: stranger.namespace)
                let known = try await world.underlay.run("ip neigh show", in: world.outside.namespace)
                #expect(!known.contains("198.51.100.9"), "\(known)")
            }
        }

        @Test func `while the gate is closed nothing passes in either direction, and all does once it opens`()
            async throws
        {
            try await withEgress { world in
                try await world.pass(try world.both())
                let guest = try await world.guest(12, in: 0)
                #expect(try await world.seen(guest) == nil)
                for address in [EgressWorld.floats[0], EgressWorld.own[0]] {
                    #expect(try await !world.answersPing(address, from: world.outside.namespace))
                }
                let known = try await world.underlay.run("ip neigh show nud reachable", in: world.outside.namespace)
                #expect(!known.contains("203.0.113"), "not even an answer to who has it: \(known)")
                try await world.open()
                try await eventually("it is through") { try await world.seen(guest) == EgressWorld.floats[0] }
                try await world.gate.close()
                #expect(try await world.seen(guest) == nil)
                #expect(try await world.reached(EgressWorld.floats[0]) == nil)
            }
        }

        @Test func `a floating address that is taken back is dead at once, and its connections with it`() async throws {
            try await withEgress { world in
                try await world.pass(try world.both())
                try await world.open()
                let (guest, other) = (try await world.guest(12, in: 0), try await world.guest(11, in: 0))
                let float = EgressWorld.floats[0]
                try await eventually("it is through") { try await world.seen(guest) == float }
                // Something that talks all the time, in over the float and out under it.
                for (listener, talker, address) in [
                    (guest.namespace, world.outside.namespace, float),
                    (world.outside.namespace, guest.namespace, EgressWorld.outsideAddress),
                ] {
                    try await world.start(["busybox", "nc", "-l", "-p", "7000", "-e", "cat"], in: listener)
                    // Again and again, as it may be earlier than the listener.
                    let once = "(while :; do echo x; sleep 0.05; done) | busybox nc \(address) 7000"
                    let talk = "while :; do \(once); sleep 0.1; done"
                    try await world.start(["sh", "-c", talk], in: talker)
                }
                func heard(_ namespace: String) async throws -> Int {
                    let text = try await world.underlay.run("ss -Htni sport = :7000", in: namespace)
                    let words = text.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("bytes_received:") }
                    return Int(words?.split(separator: ":")[1] ?? "") ?? 0
                }
                let listeners = [guest.namespace, world.outside.namespace]
                for namespace in listeners {
                    try await eventually("they talk") { try await heard(namespace) > 10 }
                }
                try await world.pass(try world.networksOnly())
                let before = [try await heard(listeners[0]), try await heard(listeners[1])]
                #expect(try await world.reached(float) == nil)
                #expect(try await !world.answersPing(float, from: world.outside.namespace))
                #expect([try await heard(listeners[0]), try await heard(listeners[1])] == before)
                #expect(try await world.seen(guest) == EgressWorld.own[0])
                let table = ["conntrack", "-L"]
                let left = try await world.run(table, in: "\(try world.inside(0))").text
                #expect(!left.contains(float), "\(left)")
                #expect(try await world.reached(EgressWorld.floats[1]) == nil, "the other network's too: none is left")
                // Given to another guest, it leads there; and moved in one step to the first again, back.
                for (number, from) in [(11, other), (12, guest)] {
                    try await world.pass([try world.wanted(0, floats: [float: number])])
                    try await eventually("it leads to \(number)") {
                        try await world.reached(float) == EgressWorld.name(number, 0)
                    }
                    #expect(try await world.seen(from) == float)
                }
            }
        }

        @Test func `who remembers a floating address elsewhere is told where it is now`() async throws {
            try await withEgress { world in
                let float = EgressWorld.floats[0]
                try await world.pass([try world.wanted(0, floats: [float: 12]), try world.wanted(1)])
                try await world.open()
                for index in EgressWorld.networks { _ = try await world.guest(12, in: index) }
                try await eventually("it leads to the first") {
                    try await world.reached(float) == EgressWorld.name(12, 0)
                }
                let lookup = "ip neigh show to \(float)"
                let before = try await world.underlay.run(lookup, in: world.outside.namespace)
                #expect(before.contains("02:ce:cb:00:71:0a"), "\(before)")
                try await world.pass([try world.wanted(0), try world.wanted(1, floats: [float: 12])])
                // Without a question from outside: that would be a proof of nothing.
                try await eventually("outside has heard of it", within: .seconds(5)) {
                    try await world.underlay.run(lookup, in: world.outside.namespace).contains("02:ce:cb:00:71:14")
                }
                #expect(try await world.reached(float) == EgressWorld.name(12, 1))
            }
        }

        @Test func `a connection is dead by the rules alone, where the kernel still remembers it`() async throws {
            try await withEgress(networks: 1) { world in
                let float = EgressWorld.floats[0]
                let wanted = try world.wanted(0, floats: [float: 12])
                try await world.pass([wanted])
                try await world.open()
                let guest = try await world.guest(12, in: 0)
                try await eventually("it is through") { try await world.seen(guest) == float }
                let ping = ["ping", "-n", "-c", "500", "-i", "0.02", "-W", "1", EgressWorld.outsideAddress]
                let outwards = try await world.start(ping, in: guest.namespace)
                try await eventually("it is answered") { outwards.standardOutput.text.contains("icmp_seq=5 ") }
                let table = EgressTable(wanted, without: [try IPv4Address(float)])
                let commands = try JSONEncoder().encode(table.commands)
                let inside = "\(try world.inside(0))"
                let text = String(decoding: commands, as: UTF8.self)
                try await world.underlay.run("nft -j -f -", input: text, in: inside)
                let last = outwards.standardOutput.text.split(separator: "\n").count
                let remembered = try await world.run(["conntrack", "-L"], in: inside).text
                #expect(remembered.contains(float), "\(remembered)")
                #expect(try await world.reached(float) == nil, "this takes its time, in which there are many pings")
                // What was under way when the rules came may have been counted after them.
                #expect(outwards.standardOutput.text.split(separator: "\n").count <= last + 2)
            }
        }
    }
}

extension EgressWorld {
    /// Both networks with NAT, and no float.
    func networksOnly() throws -> [EgressWanted] { try Self.networks.map { try wanted($0) } }
}

import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import MariaDB
import NetNode
import Testing

extension NamespaceTests {
    @Suite(.serialized) struct MeshTests {
        @Test func `two networks with the same addresses reach their own guests, and no other`() async throws {
            try await withMesh(hosts: 3) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                let green = try await world.addNetwork("green", vni: 200)
                for (number, index) in [(11, 0), (12, 1), (13, 2)] {
                    try await world.want(number, in: blue, on: index)
                }
                for (number, index) in [(11, 1), (12, 2), (14, 0)] {
                    try await world.want(number, in: green, on: index)
                }
                let passes = try await world.passEverywhere()
                #expect(passes.allSatisfy { $0.hasConverged && $0.wanted.networks.count == 2 && $0.batches == 4 })

                let blueGuests = [
                    try await world.start(11, in: blue, on: 0), try await world.start(12, in: blue, on: 1),
                    try await world.start(13, in: blue, on: 2),
                ]
                let greenGuests = [
                    try await world.start(11, in: green, on: 1), try await world.start(12, in: green, on: 2),
                    try await world.start(14, in: green, on: 0),
                ]
                for (guests, numbers) in [(blueGuests, [11, 12, 13]), (greenGuests, [11, 12, 14])] {
                    for guest in guests {
                        for number in numbers where try world.address(number) != guest.address {
                            #expect(try await world.underlay.ping(from: guest, to: try world.address(number)) == 1)
                        }
                    }
                }
                // The address that both have, and the one that only the other has.
                let before = try await world.underlay.framesReceived(by: "eth0", in: greenGuests[1].namespace)
                #expect(try await world.underlay.ping(from: blueGuests[0], to: try world.address(12), count: 20) == 20)
                let after = try await world.underlay.framesReceived(by: "eth0", in: greenGuests[1].namespace)
                #expect(after == before)
                #expect(try await world.underlay.ping(from: blueGuests[0], to: try world.address(14)) == 0)
                // The largest frame that the network carries arrives whole: 1450 less 28 of IP and ICMP.
                #expect(try await world.underlay.ping(from: blueGuests[0], to: try world.address(13), bytes: 1422) == 1)
                #expect(try await world.underlay.ping(from: blueGuests[0], to: try world.address(13), bytes: 1423) == 0)
            }
        }

        @Test func `a second pass starts no program, and what is broken by hand the next one repairs`() async throws {
            try await withMesh(hosts: 2) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                let mac = try await world.want(11, in: blue, on: 0)
                try await world.want(12, in: blue, on: 1)
                #expect(try await world.passEverywhere().allSatisfy(\.hasConverged))
                let host = world.hosts[1].namespace
                let second = try world.reconciler(1)

                world.commands.update { $0 = [] }
                let idle = try await second.pass()
                #expect(idle.hasConverged && idle.changes.isEmpty && idle.batches == 0)
                #expect(world.commands.value.isEmpty, "not even a program that reads")

                let first = world.hosts[0].address
                let damage: [(line: String, devices: Int, entries: Int)] = [
                    ("bridge fdb del \(mac) dev covx100 dst \(first)", 0, 1),
                    ("bridge fdb del 00:00:00:00:00:00 dev covx100 dst \(first)", 0, 1),
                    ("bridge fdb replace \(mac) dev covx100 dst 192.0.2.77 port 8472 vni 9", 0, 1),
                    ("bridge fdb append 00:00:00:00:00:00 dev covx100 dst \(first) port 8472 vni 9 via under0", 0, 1),
                    ("bridge fdb add 01:00:5e:00:00:01 dev covx100 dst \(first)", 0, 1),
                    ("bridge fdb add 02:00:00:00:00:99 dev covx100 dst \(first)", 0, 1),
                    ("ip link del dev covx100", 5, 2), ("ip link del dev cobr100", 6, 0),
                    ("ip link set dev covx100 nomaster", 1, 0), ("ip link set dev covx100 down", 1, 0),
                    ("ip link set dev covx100 mtu 1400", 1, 0), ("ip link set dev cobr100 mtu 1400 down", 2, 0),
                    ("ip link set dev covx100 addrgenmode eui64", 1, 0),
                    ("ip link set dev cobr100 type bridge mcast_snooping 1", 1, 0),
                    ("sysctl -q -w net.ipv4.conf.cobr100.rp_filter=0", 1, 0),
                    ("sysctl -q -w net.ipv4.conf.cobr100.arp_ignore=1", 1, 0),
                    ("sysctl -q -w net.ipv6.conf.covx100.disable_ipv6=0", 1, 0),
                    ("sysctl -q -w net.ipv4.ip_forward=1", 2, 0), ("sysctl -q -w net.ipv4.ip_forward=0", 0, 0),
                    ("sysctl -q -w net.ipv6.conf.all.disable_ipv6=0", 2, 0),
                    ("ip link set dev covx100 type vxlan local 192.0.2.99 learning", 1, 0),
                ]
                for (line, devices, entries) in damage {
                    try await world.underlay.run(line, in: host)
                    let repair = try await second.pass()
                    #expect(repair.hasConverged, "\(line): \(repair.trouble)")
                    #expect(repair.deviceChanges == devices, "\(line): \(repair.changes)")
                    #expect(repair.entryChanges == entries, "\(line): \(repair.changes)")
                    #expect(try await second.pass().changes == [], "\(line)")
                }
                // A tunnel of another VNI under our name.
                try await world.underlay.run("ip link del dev covx100", in: host)
                try await world.underlay.run("ip link add name covx100 type vxlan id 7 dstport 8472", in: host)
                #expect(try await second.pass().hasConverged)

                // What was learned is left alone, and so is a device that only looks like ours.
                try await world.underlay.run("ip link add name cobr0100 type bridge", in: host)
                let learned = "02:00:00:00:00:98 dev covx100 dst \(first) self dynamic"
                try await world.underlay.run("bridge fdb add \(learned)", in: host)
                #expect(try await second.pass().changes == [])
                let guests = [try await world.start(11, in: blue, on: 0), try await world.start(12, in: blue, on: 1)]
                #expect(try await world.underlay.ping(from: guests[0], to: guests[1].address) == 1)
            }
        }

        @Test func `a guest that moved is reached from every node once each has made its pass`() async throws {
            try await withMesh(hosts: 3) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                for (number, index) in [(11, 0), (12, 1), (13, 2)] {
                    try await world.want(number, in: blue, on: index)
                }
                try await world.passEverywhere()
                var guests: [NamespaceHosts.Guest] = []
                for (number, index) in [(11, 0), (12, 1), (13, 2)] {
                    guests.append(try await world.start(number, in: blue, on: index))
                }
                for guest in guests.dropFirst() {
                    #expect(try await world.underlay.ping(from: guest, to: guests[0].address) == 1)
                }
                try await world.move(11, in: blue, to: 2)
                try await world.underlay.plug(guests[0], into: world.hosts[2], vni: blue.vni)
                // Before the passes the old row leads astray: the test can tell.
                #expect(try await world.underlay.ping(from: guests[1], to: guests[0].address) == 0)
                let passes = try await world.passEverywhere()
                #expect(passes.allSatisfy { $0.hasConverged && $0.deviceChanges == 0 })
                // The first node has nothing of the network any more, and the others forget it.
                #expect(passes[0].wanted.networks == [] && passes[1].entryChanges == 2)
                for guest in guests.dropFirst() {
                    #expect(try await world.underlay.ping(from: guest, to: guests[0].address) == 1)
                }
            }
        }

        @Test func `a node with a new address is reached there, and one that is removed is forgotten`() async throws {
            try await withMesh(hosts: 3) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                for (number, index) in [(11, 0), (12, 1), (13, 2)] {
                    try await world.want(number, in: blue, on: index)
                }
                try await world.passEverywhere()
                var guests: [NamespaceHosts.Guest] = []
                for (number, index) in [(11, 0), (12, 1), (13, 2)] {
                    guests.append(try await world.start(number, in: blue, on: index))
                }
                let (old, new) = (world.hosts[2].address, try IPv4Address("192.0.2.103"))
                let third = world.hosts[2].namespace
                // In this order: the kernel takes second addresses of a network away with the first.
                try await world.underlay.run("ip addr del \(old)/24 dev under0", in: third)
                try await world.underlay.run("ip addr add \(new)/24 dev under0", in: third)
                try await world.cluster.execute(
                    "UPDATE nodes SET underlay_address = \(new) WHERE id = \(world.nodes[2])"
                )
                #expect(try await world.underlay.ping(from: guests[0], to: guests[2].address) == 0)
                let passes = try await world.passEverywhere()
                #expect(passes.allSatisfy { $0.hasConverged })
                // The tunnel keeps its entries, and only its own address changes.
                #expect(passes[2].deviceChanges == 1 && passes[2].entryChanges == 0)
                for one in guests {
                    for other in guests where other != one {
                        // A guest that got no answer asks for the hardware address once a second.
                        try await eventually("\(one.address) reaches \(other.address)", within: .seconds(5)) {
                            try await world.underlay.ping(from: one, to: other.address) == 1
                        }
                    }
                }
                for host in world.hosts.dropLast() {
                    let entries = try await world.underlay.run("bridge fdb show dev covx100", in: host.namespace)
                    #expect(!entries.contains("dst \(old) ") && entries.contains("dst \(new) "))
                }

                try await world.drop(13, in: blue)
                try await world.cluster.execute("DELETE FROM nodes WHERE id = \(world.nodes[2])")
                for index in 0..<2 { #expect(try await world.reconciler(index).pass().hasConverged) }
                for host in world.hosts.dropLast() {
                    let entries = try await world.underlay.run("bridge fdb show dev covx100", in: host.namespace)
                    #expect(!entries.contains("\(new)") && !entries.contains("\(guests[2].mac) dst"))
                }
                #expect(try await world.underlay.ping(from: guests[0], to: guests[1].address) == 1)
                #expect(try await world.underlay.ping(from: guests[0], to: guests[2].address) == 0)
                // What it has by itself stays as it is: nobody knows any more what is wanted there.
                await #expect(throws: ClusterOpsError.self) { try await world.reconciler(2).pass() }
            }
        }

        @Test func `frames between two guests reach no third node`() async throws {
            try await withMesh(hosts: 3, networkNodes: [2]) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                for (number, index) in [(11, 0), (12, 1)] { try await world.want(number, in: blue, on: index) }
                let passes = try await world.passEverywhere()
                // The third node takes part by its role alone: it gets broadcasts, and knows all guests.
                #expect(passes[2].hasConverged && passes[2].wanted.networks.first?.guests.count == 2)
                let guests = [try await world.start(11, in: blue, on: 0), try await world.start(12, in: blue, on: 1)]
                let third = world.hosts[2].namespace
                func frames() async throws -> (tunnel: Int, underlay: Int) {
                    (
                        try await world.underlay.framesReceived(by: blue.tunnel, in: third),
                        try await world.underlay.framesReceived(by: "under0", in: third)
                    )
                }
                #expect(try await world.underlay.ping(from: guests[0], to: guests[1].address) == 1)
                let before = try await frames()
                #expect(before.tunnel > 0, "the question for the address was broadcast")
                #expect(try await world.underlay.ping(from: guests[0], to: guests[1].address, count: 100) == 100)
                let after = try await frames()
                #expect(after.tunnel == before.tunnel)
                // The hosts' own IPv6 speaks in the underlay, by some frames in all; copies would be a hundred.
                #expect(after.underlay < before.underlay + 50)
                // Without the guests' rows each frame is copied to all: the counters would have shown it.
                try await world.underlay.run(
                    "bridge fdb del \(guests[1].mac) dev \(blue.tunnel) dst \(world.hosts[1].address)",
                    in: world.hosts[0].namespace
                )
                #expect(try await world.underlay.ping(from: guests[0], to: guests[1].address, count: 100) == 100)
                #expect(try await frames().tunnel >= before.tunnel + 100)
            }
        }
    }
}

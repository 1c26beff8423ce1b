import ClusterModel
import Testing

@Suite struct AddressTests {
    @Test(
        "A MAC address is six octets, unicast and not all zero",
        arguments: [
            ValueCase.accepted("52:54:00:12:34:56"), .accepted("52-54-00-AB-CD-EF", as: "52:54:00:ab:cd:ef"),
            .accepted("00:00:00:00:00:01"), .accepted("fe:FF:ff:ff:ff:ff", as: "fe:ff:ff:ff:ff:ff"),
            .refused(""), .refused("52:54:00:12:34"), .refused("52:54:00:12:34:56:78"), .refused("52:54:00:12:34:5g"),
            .refused("52:54-00:12:34:56"), .refused("525400123456"), .refused("5254.0012.3456"),
            .refused("52:54:00:12:34:+6"), .refused("52:54:00:12:34:-0"), .refused("52 54 00 12 34 56"),
            .refused(" 52:54:00:12:34:56"), .refused("52:54:00:12:34:56\n"), .refused("052:54:00:12:34:6"),
            .refused("aaaaaaaaaaaaaaaaa"), .refused("01:00:5e:00:00:01"), .refused("ff:ff:ff:ff:ff:ff"),
            .refused("00:00:00:00:00:00"),
        ]
    )
    func macAddress(row: ValueCase) throws {
        try row.check(MACAddress.self)
    }

    @Test("A MAC address gives its octets in order")
    func macOctets() throws {
        #expect(try MACAddress("52:54:00:12:34:ff").octets == [0x52, 0x54, 0x00, 0x12, 0x34, 0xff])
    }

    @Test("Multicast and all-zero MAC addresses are refused with messages of their own")
    func macMessages() {
        let multicast = #expect(throws: ValueError.self) { try MACAddress("01:00:5e:00:00:01") }
        #expect(multicast?.expected.contains("multicast") == true)
        let zero = #expect(throws: ValueError.self) { try MACAddress("00-00-00-00-00-00") }
        #expect(zero?.expected.contains("all zero") == true)
    }

    @Test(
        "An IPv4 address is a strict dotted quad",
        arguments: [
            ValueCase.accepted("0.0.0.0"), .accepted("10.0.0.1"), .accepted("255.255.255.255"),
            .refused(""), .refused("10.0.0"), .refused("10.0.0.1.2"), .refused("10.0.0.256"), .refused("10.0.0.01"),
            .refused("010.0.0.1"), .refused("10.0.0.-1"), .refused("10.0.0.+1"), .refused("10..0.1"),
            .refused("10.0.0.1 "), .refused("10.0.0.1\n"), .refused("0x0a.0.0.1"), .refused("167772161"),
            .refused("::1"), .refused("10.0.0.99999999999999999999"), .refused("١0.0.0.1"),
        ]
    )
    func ipv4Address(row: ValueCase) throws {
        try row.check(IPv4Address.self)
    }

    @Test("IPv4 addresses have octets and a number, and order by it")
    func ipv4Number() throws {
        let address = try IPv4Address("10.1.2.3")
        #expect(address.rawValue == 0x0a01_0203)
        #expect(address.octets == [10, 1, 2, 3])
        #expect(try IPv4Address("10.0.0.9") < IPv4Address("10.0.0.10"))
    }

    @Test(
        "A CIDR is a network without host bits and a prefix from 8 to 30",
        arguments: [
            ValueCase.accepted("10.0.0.0/8"), .accepted("10.1.0.0/24"), .accepted("192.168.7.252/30"),
            .accepted("1.0.0.0/8"), .accepted("223.255.255.0/24"), .accepted("126.0.0.0/8"), .accepted("128.0.0.0/8"),
            .accepted("169.253.0.0/16"), .accepted("169.255.0.0/16"), .accepted("192.0.2.0/24"),
            .refused("0.0.0.0/8"), .refused("0.1.0.0/24"), .refused("127.0.0.0/8"), .refused("127.9.0.0/24"),
            .refused("169.254.0.0/16"), .refused("169.254.9.0/24"), .refused("169.0.0.0/8"), .refused("224.0.0.0/8"),
            .refused("239.1.2.0/24"), .refused("240.0.0.0/8"), .refused("255.255.255.252/30"),
            .refused(""), .refused("10.1.0.0"), .refused("10.1.0.0/"), .refused("/24"), .refused("10.1.0.0/24/1"),
            .refused("10.1.0.0/33"), .refused("10.1.0.0/024"), .refused("10.1.0.0/-1"), .refused("10.1.0/24"),
            .refused("10.1.0.1/24"), .refused("10.1.0.0/8"), .refused("0.0.0.0/0"), .refused("8.0.0.0/7"),
            .refused("10.1.0.0/31"), .refused("10.1.0.0/32"), .refused("10.1.0.0 /24"), .refused("10.1.0.0/24\n"),
            .refused("fd00::/8"),
        ]
    )
    func cidr(row: ValueCase) throws {
        try row.check(CIDR.self)
    }

    @Test("A CIDR with host bits is answered with the network that was meant, one with a bad prefix with the range")
    func cidrMessages() {
        let bits = #expect(throws: ValueError.self) { try CIDR("10.1.0.77/24") }
        #expect(bits?.expected.contains("10.1.0.0/24") == true)
        let prefix = #expect(throws: ValueError.self) { try CIDR("10.0.0.0/31") }
        #expect(prefix?.expected.contains("/8 to /30") == true)
    }

    @Test("A CIDR that no host has an address of is refused with its purpose")
    func specialCIDR() {
        for (text, purpose) in [
            ("0.0.0.0/8", "0.0.0.0/8 is \"this network\""), ("127.5.0.0/16", "127.0.0.0/8 is loopback"),
            ("169.254.0.0/17", "169.254.0.0/16 is link-local"), ("225.0.0.0/8", "224.0.0.0/4 is multicast"),
            ("241.0.0.0/8", "240.0.0.0/4 is reserved"),
        ] {
            let error = #expect(throws: ValueError.self) { try CIDR(text) }
            #expect(error?.expected.contains(purpose) == true, "\(text): \(error.map { "\($0)" } ?? "")")
        }
    }

    @Test("A CIDR knows the addresses of its network")
    func cidrAddresses() throws {
        let cidr = try CIDR("10.1.2.128/25")
        #expect(cidr.network.description == "10.1.2.128")
        #expect(cidr.prefixLength == 25)
        #expect(cidr.netmask.description == "255.255.255.128")
        #expect(cidr.firstUsable.description == "10.1.2.129")
        #expect(cidr.serverAddress == cidr.firstUsable)
        #expect(cidr.lastUsable.description == "10.1.2.254")
        #expect(cidr.broadcast.description == "10.1.2.255")
        #expect(cidr.usableHostCount == 126)
        #expect(try cidr.contains(IPv4Address("10.1.2.128")))
        #expect(try cidr.contains(IPv4Address("10.1.2.255")))
        #expect(try !cidr.contains(IPv4Address("10.1.2.127")))
        #expect(try !cidr.contains(IPv4Address("10.1.3.0")))
    }

    @Test("A CIDR at either end of the address space and of the prefixes does not overflow")
    func cidrEnds() throws {
        #expect(try CIDR("223.255.255.252/30").usableHostCount == 2)
        #expect(try CIDR("223.255.255.252/30").broadcast.description == "223.255.255.255")
        #expect(try CIDR("223.0.0.0/8").usableHostCount == 16_777_214)
    }

    @Test(
        "A range of addresses has any prefix and no host bits, and an address alone is one",
        arguments: [
            ValueCase.accepted("0.0.0.0/0"), .accepted("128.0.0.0/1"), .accepted("10.1.0.0/24"),
            .accepted("10.1.0.6/31"), .accepted("10.1.0.7/32"), .accepted("10.1.0.7", as: "10.1.0.7/32"),
            .refused(""), .refused("/"), .refused("10.1.0.0/"), .refused("10.1.0.0/33"), .refused("10.1.0.0/-1"),
            .refused("10.1.0.0/08"), .refused("10.1.0.0/24/"), .refused("10.1.0.1/24"), .refused("0.0.0.1/0"),
            .refused("10.1.0.0 /24"), .refused("10.1.0.0/24\n"), .refused("::/0"),
        ]
    )
    func ipv4CIDR(row: ValueCase) throws {
        try row.check(IPv4CIDR.self)
    }

    @Test("Ranges know what lies in them, at either end of the address space too")
    func ranges() throws {
        let (all, one) = (try IPv4CIDR("0.0.0.0/0"), try IPv4CIDR("255.255.255.255"))
        #expect(all.last == one.network && one.last == one.network && all.contains(one.network))
        #expect(all.contains(one) && !one.contains(all) && all.overlaps(one) && one.overlaps(all))
        #expect(try !IPv4CIDR("10.1.0.0/24").overlaps(IPv4CIDR("10.1.1.0/24")))
        #expect(try IPv4CIDR("10.1.0.0/24").contains(IPv4CIDR("10.1.0.0/24")))
    }

    @Test("Ranges that lie in another one are left out")
    func nested() throws {
        let ranges = ["10.1.0.7", "10.1.0.0/24", "9.0.0.0/8", "10.1.0.0/25", "10.1.1.0/24", "9.0.0.0/8"]
        let left = try ranges.map { try IPv4CIDR($0) }.withoutNested.map(\.description)
        #expect(left == ["9.0.0.0/8", "10.1.0.0/24", "10.1.1.0/24"])
    }

    @Test("CIDRs overlap when one lies in the other")
    func cidrOverlap() throws {
        #expect(try CIDR("10.0.0.0/8").overlaps(CIDR("10.1.0.0/24")))
        #expect(try CIDR("10.1.0.0/24").overlaps(CIDR("10.0.0.0/8")))
        #expect(try !CIDR("10.1.0.0/24").overlaps(CIDR("10.1.1.0/24")))
    }
}

import ChildProcess
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Testing

@testable import NetNode

/// What dnsmasq and guests say may be anything, and what dnsmasq is given has none but its own lines and fields.
@Suite(.timeLimit(.minutes(15))) struct ServerFuzzTests {
    private static let mac = "02:00:00:00:00:0b"

    @Test func `no lease file makes its reader trap, and what it reads stands in a line of its own`() {
        let samples = [
            "1795000000 \(Self.mac) 10.9.0.10 web 01:02:00:00:00:00:0b\n1795000001 02:00:00:00:00:0c 10.9.0.11 * *\n",
            "",
        ]
        let fuzz = Fuzz("lease file") { random in
            let text = random.text(like: samples)
            do throws(LeaseFileError) {
                let file = try LeaseFile(text)
                let lines = text.split(separator: "\n").count
                return file.leases.count == lines && file.ends.count <= lines
                    ? .accepted : .wrong("\(text.debugDescription) is read as \(file)")
            } catch {
                return .refused
            }
        }
        #expect(fuzz.complaints == [])
        #expect(fuzz.accepted > 0)
    }

    @Test func `no line of a log makes its reader trap, and what is kept of it is a line of plain text`() {
        let samples = [
            "dnsmasq-dhcp[7]: DHCPNAK(gw0) 10.9.0.77 \(Self.mac) wrong address",
            "dnsmasq-dhcp[7]: DHCPDISCOVER(gw0) \(Self.mac) no address available",
            "dnsmasq-dhcp[7]: DHCPACK(gw0) 10.9.0.10 \(Self.mac) web", "dnsmasq[7]: read /run/x/hosts",
        ]
        let fuzz = Fuzz("line of dnsmasq") { random in
            let line = random.text(like: samples)
            _ = DHCPEvent.isMessage(line)
            guard let event = DHCPEvent(logLine: line, isKnown: { _ in Bool.random(using: &random) }) else {
                return .refused
            }
            return event.detail.hasHiddenCharacters ? .wrong(line.debugDescription) : .accepted
        }
        #expect(fuzz.complaints == [])
        #expect(fuzz.accepted > 0)
    }

    @Test func `lines are told whole or not at all, in whatever pieces they come`() {
        let fuzz = Fuzz("pieces of output") { random in
            var (all, told): ([UInt8], [String]) = ([], [])
            var lines = OutputLines(after: nil)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                all += random.bytes(like: [Array("one\ntwo\n".utf8), Array("three".utf8), [0x0a, 0xff, 0x0a]])
                let kept = Int.random(in: 0...all.count, using: &random)
                let isLossy = Int.random(in: 0..<4, using: &random) == 0
                let bytes = isLossy ? Array(all.suffix(kept)) : all
                told += lines.next(in: CollectedOutput(bytes: bytes, total: all.count)).lines
            }
            let whole = Set(
                all.split(separator: 0x0a, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
            )
            return told.allSatisfy { whole.contains($0) } ? .accepted : .wrong("\(told) of \(all)")
        }
        #expect(fuzz.complaints == [])
    }

    @Test func `no answer of a server makes its reader trap, and what it reads is what was sent`() throws {
        var offer = DHCPMessage(.offer, transaction: 0xfedc_ba98, mac: try MACAddress(Self.mac))
        offer.offered = try IPv4Address("10.9.0.10")
        offer.server = try IPv4Address("10.9.0.1")
        var bytes = offer.bytes
        // As a server sends it.
        bytes[0] = 2
        let query = NameQuery.version(id: 7)
        let fuzz = Fuzz("answers of servers") { [bytes] random in
            let message = random.bytes(like: [bytes, query.bytes])
            _ = query.isAnswered(by: message)
            guard let read = DHCPMessage(answer: message) else { return .refused }
            var again = read.bytes
            again[0] = 2
            return DHCPMessage(answer: again) == read ? .accepted : .wrong("\(message)")
        }
        #expect(fuzz.complaints == [])
        #expect(fuzz.accepted > 0)
    }

    private static let guests = ["web", "ignore", "infinite", "90", "2h", "a-b", "A", "0", "x9"]

    @Test func `each guest is a line of each file, and no value adds a line, a field or an option`() throws {
        let paths = try ServerPaths(directory: "/run/clusterops/7")
        let probe = try MACAddress("02:ff:ff:ff:ff:ff")
        let (name, cidr) = (try NetworkName("blue"), try CIDR("10.9.0.0/24"))
        let (vni, mtu) = (try VNI(7), try MTU(1450))
        let fuzz = Fuzz("files of dnsmasq") { random in
            var hosts: [ServerWanted.Host] = []
            for place in 0..<Int.random(in: 0...5, using: &random) {
                guard let name = try? HostName(random.text(like: Self.guests)),
                    let mac = MACAddress([2, 0, 0, 0, 0, UInt8(place)])
                else { continue }
                let address = IPv4Address(rawValue: cidr.network.rawValue + 10 + UInt32(place))
                hosts.append(ServerWanted.Host(mac: mac, address: address, hostname: name))
            }
            let domain = try? DomainName(random.text(like: ["example", "a.example", "#", "x/y"]))
            let wanted = ServerWanted(
                id: .new(),
                name: name,
                vni: vni,
                cidr: cidr,
                mtu: mtu,
                domain: domain,
                servesDHCP: true,
                servesDNS: Bool.random(using: &random),
                generation: 1,
                hosts: hosts
            )
            let domains = domain.map { [$0] } ?? []
            let upstream = UpstreamServers(
                [IPv4Address(rawValue: .random(in: 0 ... .max, using: &random))],
                privateDomains: domains
            )
            let files = ServerFiles(wanted, at: paths, upstream: upstream, probe: probe)
            let isRight =
                Self.lines(files.hosts).count == hosts.count + 1 && Self.lines(files.names).count == hosts.count
                && Self.lines(files.hosts).dropLast().allSatisfy { $0.wholeMatch(of: Self.host) != nil }
                && Self.lines(files.names).allSatisfy { $0.wholeMatch(of: Self.hostNames) != nil }
                && Self.lines(files.configuration).dropFirst().allSatisfy { $0.wholeMatch(of: Self.option) != nil }
            guard isRight else { return .wrong("\(files)") }
            return hosts.isEmpty ? .refused : .accepted
        }
        #expect(fuzz.complaints == [])
        #expect(fuzz.accepted > 0)
    }

    private static func lines(_ text: String) -> [Substring] { text.split(separator: "\n") }

    // Written from dnsmasq(8), and not from what writes the files.
    private nonisolated(unsafe) static let host =
        /[0-9a-f:]{17},id:\*,[0-9.]{7,15}(,[A-Za-z0-9-]*[A-Za-z-][A-Za-z0-9-]*)?/
    private nonisolated(unsafe) static let hostNames = /[0-9.]{7,15}( [A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*){1,2}/
    private nonisolated(unsafe) static let option = /[a-z0-9-]+(=[A-Za-z0-9.,\/_#-]*)?/
}

import ClusterModel
import ClusterStore
import FoundationEssentials
import Glibc

/// Sends frames through a bridge of this node, to find out whether its rules let pass what the networks' bridges
/// forward.
///
/// Where `br_netfilter` is loaded and `net.bridge.bridge-nf-call-iptables` is 1, as Docker sets it, the kernel gives
/// each IPv4 packet that a bridge forwards to the rules of `forward` too, of whichever table: a policy of DROP there
/// ends DHCP and all IPv4 of guests. Rules of ours cannot undo another table's drop, and to read whether foreign rules
/// would drop is to guess; so a packet is sent. Only where the kernel does so is there a bridge for it, with two tap
/// devices that go with this process; elsewhere the answer is known.
final class BridgeProbe {
    /// The bridge; its name is one of a network's that cannot be, so that rules for `cobr*` hold for it too.
    static let bridge = "cobr0"
    static let taps = ["coprobe0", "coprobe1"]

    private static let setting = "/proc/sys/net/bridge/bridge-nf-call-iptables"

    private let runner: HostCommandRunner
    private var ends: [TapDevice] = []
    private var path = ProbedPath(every: .seconds(1), start: .now)
    /// Rises with each packet, which has it inside.
    private var last: UInt64 = 0

    init(runner: HostCommandRunner = .processes) {
        self.runner = runner
    }

    /// Asks, and reads what the last call has asked.
    ///
    /// - Returns: Whether frames pass; nil while that is not known yet.
    /// - Throws: `TapDevice.Failure` and `HostCommandError` when it cannot be asked here.
    func turn(at now: ContinuousClock.Instant) async throws -> Bool? {
        guard Self.bridgesCallRules else {
            try await close()
            return true
        }
        if ends.isEmpty { try await open(at: now) }
        receive()
        path.expire(at: now)
        if path.isDue(at: now), let end = ends.first {
            last += 1
            path.sent(last, at: now)
            end.send(ProbeFrame.encoded(last))
        }
        switch path.state {
        case .unknown: return nil
        case .answering: return true
        case .failing: return false
        }
    }

    /// Takes the bridge away, if there is one.
    func close() async throws {
        guard !ends.isEmpty else { return }
        ends = []
        _ = try await runner.output(HostCommand(.ip, ["link", "del", "dev", Self.bridge]))
    }

    private static var bridgesCallRules: Bool {
        // Without the module there is no such file.
        (try? String(contentsOfFile: setting, encoding: .utf8))?.first == "1"
    }

    private func open(at now: ContinuousClock.Instant) async throws {
        let taps = try Self.taps.map { try TapDevice($0) }
        // An earlier process may have left the bridge; what counts is what comes through.
        let lines =
            [
                "link add name \(Self.bridge) type bridge mcast_snooping 0",
                "link set dev \(Self.bridge) addrgenmode none", "link set dev \(Self.bridge) up",
            ] + Self.taps.map { "link set dev \($0) addrgenmode none master \(Self.bridge) up" }
        let input = lines.map { $0 + "\n" }.joined()
        _ = try await runner.output(HostCommand(.ip, ["-force", "-batch", "-"], input: input))
        path = ProbedPath(every: .seconds(1), start: now)
        ends = taps
    }

    private func receive() {
        guard ends.count == Self.taps.count else { return }
        while let frame = ends[1].receive() {
            guard let number = ProbeFrame.number(in: frame) else { continue }
            _ = path.answered(number)
        }
    }
}

/// A tap device of this process, which goes with it.
///
/// A frame that the process writes comes in from the device; one that the kernel sends there the process reads.
final class TapDevice {
    /// A step that the kernel refused.
    struct Failure: Error, CustomStringConvertible {
        let device: String
        let number: Int32

        var description: String { "cannot make the tap device \(device): \(String(cString: strerror(number)))" }
    }

    /// TUNSETIFF; IFF_TAP and IFF_NO_PI (linux/if_tun.h).
    private static let (request, flags): (UInt, Int16) = (0x4004_54ca, 0x1002)
    private static let longest = 1514
    private let descriptor: Int32

    init(_ name: String) throws(Failure) {
        descriptor = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Failure(device: name, number: errno) }
        var entry = ifreq()
        let result = withUnsafeMutableBytes(of: &entry) { bytes in
            bytes.copyBytes(from: name.utf8)
            bytes.storeBytes(of: Self.flags, toByteOffset: Int(IF_NAMESIZE), as: Int16.self)
            return bytes.baseAddress.map { ioctl(descriptor, Self.request, $0) } ?? -1
        }
        guard result == 0 else { throw Failure(device: name, number: errno) }
    }

    deinit { close(descriptor) }

    /// Sends a frame; one that the kernel does not take is lost, as others are.
    func send(_ frame: [UInt8]) { _ = write(descriptor, frame, frame.count) }

    /// Takes the next frame; nil when there is none.
    func receive() -> [UInt8]? {
        var count = 0
        let frame = [UInt8](unsafeUninitializedCapacity: Self.longest) { buffer, used in
            count = read(descriptor, buffer.baseAddress, Self.longest)
            used = max(0, count)
        }
        return count > 0 ? frame : nil
    }
}

/// The frame that a node sends through its own bridge: an IPv4 packet with a UDP datagram that holds a number; pure.
enum ProbeFrame {
    /// Between two addresses of which neither is on any node (TEST-NET-2, RFC 5737).
    private static let (source, destination): ([UInt8], [UInt8]) = ([198, 51, 100, 1], [198, 51, 100, 2])
    /// Locally administered, of nobody; the bridge floods the frame.
    private static let ethernet: [UInt8] = [0x02, 0xc0, 0, 0, 0, 2] + [0x02, 0xc0, 0, 0, 0, 1] + [0x08, 0x00]
    /// The discard service's port at both ends.
    private static let ports: [UInt8] = [0, 9, 0, 9]
    private static let numberLength = 8

    static func encoded(_ number: UInt64) -> [UInt8] {
        let payload = withUnsafeBytes(of: number.bigEndian, Array.init)
        // The checksum of UDP may be zero, which is none.
        let datagram = ports + length(8 + payload.count) + [0, 0] + payload
        let head: [UInt8] = [0x45, 0] + length(20 + datagram.count) + [0, 0, 0x40, 0, 64, 17]
        let sum = checksum(head + [0, 0] + source + destination)
        return ethernet + head + length(Int(sum)) + source + destination + datagram
    }

    /// Returns the number in a frame; nil in one that is none of these.
    static func number(in frame: [UInt8]) -> UInt64? {
        let header = ethernet.count + 28
        guard frame.count >= header + numberLength, frame.starts(with: ethernet) else { return nil }
        return frame[header..<header + numberLength].reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func length(_ number: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt16(truncatingIfNeeded: number).bigEndian, Array.init)
    }

    /// The checksum of an IPv4 header (RFC 1071).
    private static func checksum(_ header: [UInt8]) -> UInt16 {
        var sum = stride(from: 0, to: header.count, by: 2).reduce(UInt32(0)) { sum, index in
            sum + UInt32(header[index]) << 8 + UInt32(header[index + 1])
        }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        return ~UInt16(truncatingIfNeeded: sum)
    }
}

/// A count of frames, and of the octets in them.
package struct TrafficCount: Sendable, Hashable {
    package var packets: UInt64
    package var bytes: UInt64

    package init(packets: UInt64 = 0, bytes: UInt64 = 0) { (self.packets, self.bytes) = (packets, bytes) }

    /// Adds up; beyond 2^64 it goes round, as the kernel's counters do.
    package static func + (left: TrafficCount, right: TrafficCount) -> TrafficCount {
        TrafficCount(packets: left.packets &+ right.packets, bytes: left.bytes &+ right.bytes)
    }

    /// Returns the traffic since an earlier count; one that is lower than before has begun again.
    func since(_ earlier: TrafficCount) -> TrafficCount {
        guard packets >= earlier.packets, bytes >= earlier.bytes else { return self }
        return TrafficCount(packets: packets - earlier.packets, bytes: bytes - earlier.bytes)
    }
}

/// The traffic that a device has counted.
package struct DeviceTraffic: Sendable, Hashable {
    package var received: TrafficCount
    package var sent: TrafficCount

    package init(received: TrafficCount = TrafficCount(), sent: TrafficCount = TrafficCount()) {
        (self.received, self.sent) = (received, sent)
    }

    /// Reads the kernel's statistics of a device (rtnl_link_stats64); nil when they are cut short.
    init?(_ statistics: ArraySlice<UInt8>) {
        func number(_ index: Int) -> UInt64? {
            statistics.number(at: index * MemoryLayout<UInt64>.size, UInt64.self)
        }
        guard let received = number(0), let sent = number(1), let bytesReceived = number(2), let bytesSent = number(3)
        else { return nil }
        self.received = TrafficCount(packets: received, bytes: bytesReceived)
        self.sent = TrafficCount(packets: sent, bytes: bytesSent)
    }

    /// Adds up.
    package static func + (left: DeviceTraffic, right: DeviceTraffic) -> DeviceTraffic {
        DeviceTraffic(received: left.received + right.received, sent: left.sent + right.sent)
    }

    /// Returns the traffic since an earlier count of the same device.
    func since(_ earlier: DeviceTraffic) -> DeviceTraffic {
        DeviceTraffic(received: received.since(earlier.received), sent: sent.since(earlier.sent))
    }
}

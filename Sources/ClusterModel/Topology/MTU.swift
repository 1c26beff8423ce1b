/// The largest packet that a network carries, in bytes.
package struct MTU: BoundedNumber {
    package static let kind = "MTU"

    /// From what every IPv4 host must accept (RFC 791) to the jumbo frames that common switches carry.
    package static let range = 576...9216

    /// Bytes.
    package let rawValue: Int

    package init(inRange rawValue: Int) {
        self.rawValue = rawValue
    }
}

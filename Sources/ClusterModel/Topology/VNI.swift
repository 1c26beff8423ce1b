/// A VXLAN network identifier: 24 bits, not zero.
package struct VNI: BoundedNumber {
    package static let kind = "VNI"

    /// All identifiers that VXLAN can carry, without zero, which some devices take for "none".
    package static let range = 1...16_777_215

    /// The identifier.
    package let rawValue: Int

    package init(inRange rawValue: Int) {
        self.rawValue = rawValue
    }
}

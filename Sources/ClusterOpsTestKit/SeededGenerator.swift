/// A random number generator whose numbers follow from its seed (SplitMix64), so that a failure can be run again.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Starts at a seed, which a failure prints.
    public init(seed: UInt64) {
        state = seed
    }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// Text of up to `longest` pieces that come from the alphabet, and now and then from all of Unicode.
    public mutating func text(alphabet: [String], longest: Int) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0...longest, using: &self) {
            if Int.random(in: 0..<40, using: &self) == 0 {
                let scalar = Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &self)) ?? "\u{FFFD}"
                text.unicodeScalars.append(scalar)
            } else {
                text += alphabet.randomElement(using: &self) ?? ""
            }
        }
        return text
    }
}

/// Whole numbers as people write them: ASCII digits only, no sign, no leading zero, within a range.
package enum WholeNumber {
    /// The number, or nil when the bytes are anything but its canonical spelling or it lies outside the range.
    package static func parse(_ digits: some Collection<UInt8>, in range: ClosedRange<Int>) -> Int? {
        // 19 digits hold every Int; more are refused before any arithmetic.
        guard (1...19).contains(digits.count), digits.count == 1 || digits.first != UInt8(ascii: "0") else {
            return nil
        }
        var number = 0
        for digit in digits {
            guard digit.isASCIIDigit else { return nil }
            let (product, over) = number.multipliedReportingOverflow(by: 10)
            let (sum, past) = product.addingReportingOverflow(Int(digit - UInt8(ascii: "0")))
            guard !over, !past else { return nil }
            number = sum
        }
        return range.contains(number) ? number : nil
    }
}

extension UInt8 {
    /// 0 to 9.
    package var isASCIIDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    /// 0 to 9, a to f, A to F.
    var isASCIIHexDigit: Bool {
        isASCIIDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self | 0x20)
    }

    /// a to z.
    package var isASCIILowercase: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) }

    /// A to Z.
    package var isASCIIUppercase: Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) }
}

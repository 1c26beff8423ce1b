import Glibc

/// A number by which Linux tells why it refused something.
///
/// In a file of its own, because SwiftNIO has its own view of Linux' types.
package struct ErrorNumber: CustomStringConvertible {
    package let number: Int32

    package init(_ number: Int32) {
        self.number = number
    }

    /// The words for it.
    package var description: String { String(cString: strerror(number)) }
}

import Glibc

/// A number by which Linux tells why it refused something.
///
/// In a file of its own, because SwiftNIO has its own view of Linux' types.
struct ErrorNumber: CustomStringConvertible {
    let number: Int32

    /// The words for it.
    var description: String { String(cString: strerror(number)) }
}

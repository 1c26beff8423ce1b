import NIOCore

/// The reason why a socket could not be used, without the name of the function that SwiftNIO has called.
package struct SocketFailure: CustomStringConvertible {
    package let description: String

    package init(_ error: any Error) {
        description = (error as? IOError).map { "\(ErrorNumber($0.errnoCode))" } ?? "\(error)"
    }
}

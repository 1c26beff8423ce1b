import Foundation

/// This process, as the database shall know it.
package enum ProcessIdentity {
    /// The process id.
    package static var current: Int32 { getpid() }
}

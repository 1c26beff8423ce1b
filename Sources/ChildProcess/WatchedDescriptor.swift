import Glibc

/// A descriptor that tells something from time to time, such as a netlink socket, watched by the one polling thread.
package final class WatchedDescriptor: Sendable {
    private let poller: Poller
    private let watch: Poller.Watch

    /// Watches a descriptor until ``close()``, and closes it then.
    ///
    /// - Parameters:
    ///   - number: an open descriptor, non-blocking and close-on-exec; it is taken over, also when this throws.
    ///   - react: reads what is there whenever there is something, on the polling thread: it must not block. It
    ///     returns false when the descriptor is of no use any more, which closes it.
    /// - Throws: `ChildProcessError` when it cannot be watched.
    package init(
        owning number: Int32,
        _ react: @escaping @Sendable (Int32) -> Bool
    ) throws(ChildProcessError) {
        let descriptor = Descriptor(owning: number)
        poller = try Poller.shared.get()
        do throws(Errno) {
            watch = try poller.watch(descriptor) { descriptor.use(react) ? .goOn : .done }
        } catch {
            throw ChildProcessError(.resource, attempt: "cannot watch a descriptor", errorNumber: error.number)
        }
    }

    deinit {
        close()
    }

    /// Stops watching, and closes the descriptor; nothing is read from it after this returns but by a reaction that
    /// was under way.
    package func close() {
        poller.remove(watch)
    }
}

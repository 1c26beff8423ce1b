/// Lets only so many tests use the database at once.
///
/// Swift Testing starts all tests together. A few at a time are as fast on few cores, and none waits for so long that
/// the server's own timeouts, which are part of what is tested, strike in the wrong place.
package actor Turns {
    /// Two for each core of the smallest machine that runs the tests.
    static let shared = Turns(4)

    private var free: Int
    private var first: [CheckedContinuation<Void, Never>] = []
    private var waiting: [CheckedContinuation<Void, Never>] = []

    package init(_ count: Int) {
        free = count
    }

    /// Waits for a turn; `leave` gives it on.
    ///
    /// - Parameter isFirst: Go before all that are not first.
    package func enter(isFirst: Bool = false) async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { isFirst ? first.append($0) : waiting.append($0) }
        }
    }

    package func leave() {
        if !first.isEmpty {
            first.removeFirst().resume()
        } else if !waiting.isEmpty {
            waiting.removeFirst().resume()
        } else {
            free += 1
        }
    }
}

/// Lets only so many tests use the database at once.
///
/// Swift Testing starts all tests together. A few at a time are as fast on few cores, and none waits for so long that
/// the server's own timeouts, which are part of what is tested, strike in the wrong place.
package actor Turns {
    /// Two for each core of the smallest machine that runs the tests.
    static let shared = Turns(4)

    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    package init(_ count: Int) {
        free = count
    }

    /// Waits for a turn; `leave` gives it on.
    package func enter() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    package func leave() {
        if waiting.isEmpty {
            free += 1
        } else {
            waiting.removeFirst().resume()
        }
    }
}

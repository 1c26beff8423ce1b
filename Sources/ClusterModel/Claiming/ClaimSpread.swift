/// Decides how far apart workers take from the head of a queue, so that many of them do not lock the same few rows.
///
/// Pure.
///
/// A worker that meets nobody takes the first operation of a queue. One that finds most of what it wanted taken begins
/// at a random place among the first, the more the more often it meets others: 128 workers with a slot each that all
/// wanted the first four came away empty four times of five. Which queue is taken from, and what is taken because it
/// has waited for too long, stays as ``ClaimPolicy`` has it; so does the order of what has an exclusive target, which
/// one worker at a time may take anyway.
package struct ClaimSpread: Sendable {
    /// With as many claimers as that at once, half of the picks are free.
    static let widest = 256
    static let narrowest = 32

    /// The number of operations of each queue among which a claim begins; 0 for the first.
    package private(set) var width = 0

    package init() {}

    /// Takes note of what a claim got of what it tried.
    package mutating func claimed(_ count: Int, skipped: Int) {
        if skipped > count {
            width = min(max(width * 2, Self.narrowest), Self.widest)
        } else if skipped == 0 {
            width = width < Self.narrowest ? 0 : width - width / 8
        }
    }

    /// Moves the beginning of each queue to a random place, of what may be taken in any order.
    ///
    /// - Parameters:
    ///   - choices: In the order in which they are to be taken.
    ///   - most: The number of those of one queue that are kept.
    ///   - generator: Chooses the place.
    /// - Returns: The choices, with the same queue at each place.
    package func spread(
        _ choices: [ClaimPolicy.Choice],
        most: Int,
        using generator: inout some RandomNumberGenerator
    ) -> [ClaimPolicy.Choice] {
        guard width > 0 else { return choices }
        let movable = choices.indices.filter { !choices[$0].isReserved && choices[$0].candidate.exclusiveKey == nil }
        var places: [ClaimPolicy.Choice?] = choices
        for indices in Dictionary(grouping: movable, by: { choices[$0].candidate.queue }).values {
            let start = Int.random(in: 0..<min(width, indices.count), using: &generator)
            for (number, index) in indices.enumerated() {
                places[index] = number < most ? choices[indices[(start + number) % indices.count]] : nil
            }
        }
        return places.compactMap(\.self)
    }
}

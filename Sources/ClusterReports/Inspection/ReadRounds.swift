/// Decides who reads, and for whom: of those that ask for the same thing at the same time, one.
///
/// Whoever asks while a read runs is not given its answer, which may be of a moment before the question, but shares
/// the next one's: that begins after all who share it have asked.
struct ReadRounds<Asker: Hashable & Sendable>: Sendable {
    /// A Boolean value that indicates whether a read runs.
    private(set) var isReading = false
    /// Those whom the read that runs answers, beside its reader.
    private var sharing: [Asker] = []
    /// Those for whom the read that runs began too early.
    private var waiting: [Asker] = []

    /// Takes a question; true when the asker has to read now.
    mutating func ask(_ asker: Asker) -> Bool {
        guard isReading else {
            isReading = true
            return true
        }
        waiting.append(asker)
        return false
    }

    /// Takes note that the read has an answer, be it an error.
    ///
    /// - Returns: Who shares it, and who has to read now.
    mutating func answered() -> (sharing: [Asker], reader: Asker?) {
        let answered = sharing
        return (answered, begin(waiting))
    }

    /// Takes note that the reader wants no answer any more and has none.
    ///
    /// - Returns: Who has to read now, for all who still want one.
    mutating func givenUp() -> Asker? { begin(sharing + waiting) }

    /// Takes note that one of those who wait wants no answer any more; false when it does not wait.
    mutating func leave(_ asker: Asker) -> Bool {
        let count = sharing.count + waiting.count
        sharing.removeAll { $0 == asker }
        waiting.removeAll { $0 == asker }
        return sharing.count + waiting.count < count
    }

    private mutating func begin(_ askers: [Asker]) -> Asker? {
        isReading = !askers.isEmpty
        sharing = Array(askers.dropFirst())
        waiting = []
        return askers.first
    }
}

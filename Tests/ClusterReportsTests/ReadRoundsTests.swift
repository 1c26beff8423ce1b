import Testing

@testable import ClusterReports

@Suite struct ReadRoundsTests {
    /// Who of some askers has to read, in the order in which they ask.
    private func readers(_ askers: [String], _ rounds: inout ReadRounds<String>) -> [String] {
        askers.filter { rounds.ask($0) }
    }

    @Test func `who asks while nobody reads reads, and who asks meanwhile shares the next read`() {
        var rounds = ReadRounds<String>()
        #expect(readers(["first", "second", "third"], &rounds) == ["first"])
        let first = rounds.answered()
        #expect(first.sharing.isEmpty && first.reader == "second", "the first read began before they asked")
        #expect(readers(["fourth"], &rounds) == [])
        let second = rounds.answered()
        #expect(second.sharing == ["third"] && second.reader == "fourth")
        let third = rounds.answered()
        #expect(third.sharing.isEmpty && third.reader == nil && !rounds.isReading)
        #expect(readers(["fifth"], &rounds) == ["fifth"])
    }

    @Test func `a reader that gives up is followed by one that reads for all who wait`() {
        var rounds = ReadRounds<String>()
        #expect(readers(["first", "second", "third"], &rounds) == ["first"])
        let first = rounds.answered()
        #expect(first.reader == "second")
        #expect(readers(["fourth"], &rounds) == [])
        let next = rounds.givenUp()
        #expect(next == "third")
        let answered = rounds.answered()
        #expect(answered.sharing == ["fourth"] && answered.reader == nil)
    }

    @Test func `who leaves is neither answered nor made to read`() {
        var rounds = ReadRounds<String>()
        #expect(readers(["first", "second", "third", "fourth"], &rounds) == ["first"])
        let left = ["second", "second", "first"].map { rounds.leave($0) }
        #expect(left == [true, false, false])
        let first = rounds.answered()
        #expect(first.reader == "third")
        let leftLast = rounds.leave("fourth")
        let answered = rounds.answered()
        #expect(leftLast && answered.sharing.isEmpty && answered.reader == nil && !rounds.isReading)
    }
}

import Testing

@testable import ClusterModel

@Suite struct OperationReferenceTests {
    @Test(
        "An operation is named by its id or by the first digits of it",
        arguments: [
            ValueCase.accepted("0190163d-8694-739b-aea5-966c26f8ad91"),
            .accepted("0190163D-8694-739B-AEA5-966C26F8AD91", as: "0190163d-8694-739b-aea5-966c26f8ad91"),
            .accepted("0190"), .accepted("0190163D", as: "0190163d"), .accepted("0190163d-"),
            .accepted("0190163d-8694-739b-aea5-966c26f8ad9"),
            .refused(""), .refused("019"), .refused("0190163d8"), .refused("01-0"), .refused("wxyz"), .refused("0190 "),
            .refused("0190163d-8694-739b-aea5-966c26f8ad911"), .refused("00000000-0000-0000-0000-000000000000"),
            .refused("０１９０"),
        ]
    )
    func reference(row: ValueCase) throws {
        try row.check(OperationReference.self)
    }

    @Test func `an abbreviation is the range of all ids that begin so`() throws {
        let range = try OperationReference("0190163d-86").range
        #expect("\(range.lowerBound)" == "0190163d-8600-0000-0000-000000000000")
        #expect("\(range.upperBound)" == "0190163d-86ff-ffff-ffff-ffffffffffff")
        #expect(try OperationReference("0190163d-86").id == nil)
        let id = OperationID.new()
        #expect(try OperationReference("\(id)").id == id)
    }

    @Test(
        "A label is a name and a value",
        arguments: [
            ValueCase.accepted("release=42"), .accepted("a="), .accepted("a=b=c"),
            .accepted("example.org/Team_a-1=x y"),
            .accepted("a=äöü"), .accepted("a=" + String(repeating: "x", count: 128)),
            .refused(""), .refused("release"), .refused("=42"), .refused("-a=1"), .refused("a b=1"),
            .refused("a=\n"), .refused("a=\u{1b}"), .refused(String(repeating: "n", count: 64) + "=1"),
            .refused("a=" + String(repeating: "x", count: 129)), .refused("ä=1"),
        ]
    )
    func label(row: ValueCase) throws {
        try row.check(OperationLabel.self)
    }
}

import ClusterModel
import Foundation
import Testing

@Suite struct NumberTests {
    @Test(
        "A VNI is a whole number of 24 bits without zero",
        arguments: [
            ValueCase.accepted("1"), .accepted("4096"), .accepted("16777215"), .refused("0"), .refused("16777216"),
            .refused("-1"), .refused("+1"), .refused("01"), .refused(""), .refused(" 1"), .refused("1.0"),
            .refused("0x10"), .refused("99999999999999999999999"), .refused("９"),
        ]
    )
    func vni(row: ValueCase) throws {
        try row.check(VNI.self)
    }

    @Test(
        "An MTU is from 576 to 9216",
        arguments: [
            ValueCase.accepted("576"), .accepted("1450"), .accepted("9216"), .refused("575"), .refused("9217"),
            .refused(""), .refused("1e3"), .refused("-1500"),
        ]
    )
    func mtu(row: ValueCase) throws {
        try row.check(MTU.self)
    }

    @Test("Numbers are made from numbers too, within the same range, and order as numbers")
    func fromNumbers() throws {
        #expect(try VNI(7).rawValue == 7)
        #expect(throws: ValueError.self) { try VNI(0) }
        #expect(throws: ValueError.self) { try VNI(Int.max) }
        #expect(try MTU(1450).rawValue == 1450)
        #expect(throws: ValueError.self) { try MTU(Int.min) }
        #expect(try VNI(9) < VNI(10))
        #expect(try MTU(900) < MTU(1000))
    }

    @Test("VNI and MTU are numbers in JSON, and a number out of range does not decode")
    func json() throws {
        #expect(String(decoding: try JSONEncoder().encode([VNI(7)]), as: UTF8.self) == "[7]")
        #expect(String(decoding: try JSONEncoder().encode([MTU(1450)]), as: UTF8.self) == "[1450]")
        #expect(try JSONDecoder().decode([VNI].self, from: Data("[7]".utf8)) == [VNI(7)])
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([VNI].self, from: Data("[0]".utf8)) }
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([VNI].self, from: Data("[\"7\"]".utf8)) }
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([MTU].self, from: Data("[100]".utf8)) }
    }
}

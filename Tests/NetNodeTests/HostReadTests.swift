import ChildProcess
import ClusterModel
import NetNode
import Testing

@Suite struct HostReadTests {
    @Test(arguments: ["cobr07", "cobr", "cobr7x", "xcobr7", "cobr0", "cobr16777216", "covx7", "cobr 7", "cobr-7"])
    func `a device is ours by its whole name only`(name: String) {
        #expect(BridgeName(deviceName: name) == nil)
    }

    @Test func `names are made and read back`() throws {
        let vni = try VNI(16_777_215)
        #expect(BridgeName(vni).description == "cobr16777215" && TunnelName(vni).description == "covx16777215")
        #expect(BridgeName(deviceName: "cobr16777215")?.vni == vni)
        #expect(TunnelName(deviceName: "covx16777215")?.vni == vni)
    }

    @Test func `of two attributes with one number the last counts, and one that is cut short is an error`() throws {
        let first: [UInt8] = [8, 0, 1, 0, 7, 0, 0, 0]
        let second: [UInt8] = [8, 0, 1, 0, 9, 0, 0, 0]
        let attributes = try NetlinkAttributes((first + second)[...])
        #expect(attributes.number(1, UInt32.self) == 9)
        #expect(attributes[2] == nil)
        #expect(throws: NetlinkError.self) { try NetlinkAttributes((first + second.dropLast())[...]) }
    }
}

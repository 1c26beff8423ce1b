import ClusterOpsTestKit
import Testing

@testable import NetNode

/// Whatever a kernel, or somebody in its place, answers is read or refused.
@Suite(.timeLimit(.minutes(15))) struct KernelFuzzTests {
    private static let samples = [
        KernelCaptures.address, KernelCaptures.defaultRouteGone, KernelCaptures.otherRoute, KernelCaptures.flood,
        KernelCaptures.detour, KernelCaptures.learned, KernelCaptures.unplugged, KernelCaptures.neighbour,
        KernelCaptures.remade + KernelCaptures.remadeEnd, KernelCaptures.rule + KernelCaptures.ruleEnd,
        KernelCaptures.element + KernelCaptures.elementEnd, KernelCaptures.flushed + KernelCaptures.flushedEnd,
    ]

    /// The ways in which a message's payload is read.
    private static let readers: [(name: String, read: @Sendable (ArraySlice<UInt8>) throws -> Void)] = [
        ("device", { _ = try DeviceMessage($0).link([:]) }), ("address", { _ = try AddressMessage($0) }),
        ("route", { _ = try RouteMessage($0) }), ("entry", { _ = try EntryMessage($0) }),
        ("rules of a namespace", { _ = try NamespaceRules(generation: 0, [$0]) }),
        ("attributes", { _ = try NetlinkAttributes($0).nested(1) }),
    ]

    private func outcome(_ read: () throws -> Void) -> Fuzz.Outcome {
        do {
            try read()
            return .accepted
        } catch let error as NetlinkError {
            return "\(error)".hasHiddenCharacters ? .wrong("a refusal hides \(error)") : .refused
        } catch {
            return .wrong("\(error)")
        }
    }

    @Test func `no datagram makes the readers of events trap`() {
        var rules = RuleEvents()
        let fuzz = Fuzz("netlink events") { random in
            let bytes = random.bytes(like: Self.samples)
            let isElsewhere = Bool.random(using: &random)
            return outcome {
                _ = try RouteEvents.changes(in: bytes, isElsewhere: isElsewhere)
                _ = try RuleEvents.concernNamespace(bytes)
                _ = try rules.note(bytes)
            }
        }
        #expect(fuzz.complaints == [])
        #expect(fuzz.accepted > 0)
    }

    @Test func `no message makes the readers of dumps trap`() throws {
        // Payloads as they are, so that what is changed is what these read.
        let payloads = try Self.samples.flatMap { try NetlinkMessage.all(in: $0).map { Array($0.payload) } }
        for (name, read) in Self.readers {
            let fuzz = Fuzz("netlink \(name)") { random in
                let bytes = random.bytes(like: payloads)
                return outcome { try read(bytes[...]) }
            }
            #expect(fuzz.complaints == [])
            #expect(fuzz.accepted > 0)
        }
    }

    @Test func `no output of ip or bridge makes its reader trap, and every complaint is about a line of the input`() {
        let samples = ["RTNETLINK answers: File exists\nCommand failed -:3\nCannot find device\nCommand failed -:12\n"]
        let fuzz = Fuzz("complaints of a batch") { random in
            let text = random.text(like: samples)
            return BatchComplaints.byLine(text).values.contains { $0.contains("\n") } ? .wrong(text) : .accepted
        }
        #expect(fuzz.complaints == [])
    }
}

import ChildProcess
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Testing

@testable import QueueWorker

/// Whatever a command prints, its exit with 0 is success, and what is kept as its result is one JSON document.
@Suite(.timeLimit(.minutes(15))) struct ResultFuzzTests {
    @Test func `what is kept as a result is a JSON document within the limits, and nothing makes its reader trap`() {
        let samples = [
            #"{"progress": 0.5, "done": [1, 2, {"a": "b\n"}]}"#, "copying block 7\n", "[[[[1]]]]", " 1.50 ", "{\"a\":",
            String(repeating: "[", count: 64) + String(repeating: "]", count: 64),
        ].map { Array($0.utf8) }
        let fuzz = Fuzz("output of a command") { random in
            let bytes = random.bytes(like: samples)
            let isCut = Int.random(in: 0..<4, using: &random) == 0
            let kept = isCut ? Int.random(in: 0...bytes.count, using: &random) : bytes.count
            let output = CollectedOutput(
                bytes: Array(bytes.suffix(kept)),
                total: bytes.count,
                head: Array(bytes.prefix(kept))
            )
            switch CommandHandler.success(output) {
            case .done(nil): return .refused
            case .done(let result?):
                let limits = JSONLimits(bytes: OperationOutcome.longestResult, levels: JSONLimits.result.levels)
                let isDocument = (try? JSONValue(parsing: result, limits: limits)) != nil && !output.isTruncated
                return isDocument ? .accepted : .wrong("\(bytes)")
            case .doneWithoutResult(let reason):
                return reason.hasHiddenCharacters ? .wrong("\(bytes): \(reason.debugDescription)") : .refused
            default: return .wrong("\(bytes) is no success")
            }
        }
        #expect(fuzz.complaints == [])
        #expect(fuzz.accepted > 0)
    }
}

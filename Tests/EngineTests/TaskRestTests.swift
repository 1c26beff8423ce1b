import Foundation
import Testing

@testable import ClusterEngine
@testable import ClusterModel

@Suite struct TaskRestTests {
    private let start = ContinuousClock.now
    private let task = BuiltInTask.noop.name

    @Test func `each fault makes the rest twice as long, up to the longest`() {
        var rests = TaskRests()
        var now = start
        for seconds in [5, 10, 20, 40, 80, 160, 300, 300, 300] {
            rests.failed(task, "no memory", at: now)
            #expect(rests.obstacles(at: now + .seconds(seconds) - .milliseconds(1))[task]?.reason == "no memory")
            now += .seconds(seconds)
            #expect(rests.obstacles(at: now).isEmpty)
            #expect(rests.obstacles(at: start).isEmpty == false)
        }
    }

    @Test func `what fails together counts once, and a start forgets`() {
        var rests = TaskRests()
        for _ in 0..<100 { rests.failed(task, "no", at: start) }
        #expect(rests.obstacles(at: start + .seconds(5)).isEmpty)
        rests.started([task])
        rests.failed(task, "again", at: start + .seconds(60))
        #expect(rests.obstacles(at: start + .seconds(65)).isEmpty)
        let obstacle = rests.obstacles(at: start + .seconds(64))[task]
        #expect(obstacle?.since == start + .seconds(60))
    }

    @Test func `a reason fits into its column, and a record of it is read back`() throws {
        #expect(TaskObstacle(String(repeating: "x", count: 2000), since: start).reason.count == 1000)
        let words = try JSONDecoder().decode([AttemptRecord.Outcome].self, from: Data("[\"node_cannot\"]".utf8))
        #expect(words == [.nodeCannot])
    }
}

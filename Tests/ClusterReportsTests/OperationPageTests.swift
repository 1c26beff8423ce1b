import MariaDB
import Testing

@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore
@testable import DatabaseTime

@Suite struct OperationPageTests {
    private func key(_ second: Int64) -> OperationPage.Key {
        OperationPage.Key(enqueuedAt: Timestamp(microseconds: second * 1_000_000), id: .new())
    }

    @Test func `two parts are merged by age, and the page goes on after its last`() {
        let keys = (0..<6).map { key(Int64($0)) }
        let live = OperationPage.Part(keys: [keys[5], keys[1], keys[0]])
        let ended = OperationPage.Part(keys: [keys[4], keys[3], keys[2]])
        let page = OperationPage(merging: [live, ended], limit: 3)
        #expect(page.keys == [keys[5], keys[4], keys[3]] && page.next == keys[3])
    }

    @Test func `a list that is not full and was looked through is at its end`() {
        let keys = (0..<3).map { key(Int64($0)) }
        let page = OperationPage(merging: [.init(keys: [keys[2], keys[0]]), .init(keys: [keys[1]])], limit: 4)
        #expect(page.keys == [keys[2], keys[1], keys[0]] && page.next == nil)
        #expect(OperationPage(merging: [.init(), .init()], limit: 1).next == nil)
    }

    @Test func `beyond a horizon nothing is told, and the page goes on there`() {
        let (new, far, old) = (key(9), key(5), key(1))
        // What one part has found behind the other's horizon might have unseen neighbours.
        let page = OperationPage(merging: [.init(keys: [new], horizon: far), .init(keys: [old])], limit: 10)
        #expect(page.keys == [new] && page.next == far)
    }

    @Test func `of two horizons the nearer one counts, and what stands on it is told`() {
        let (near, far) = (key(7), key(3))
        let page = OperationPage(merging: [.init(keys: [near], horizon: near), .init(horizon: far)], limit: 10)
        #expect(page.keys == [near] && page.next == near)
    }

    @Test func `a full page before a horizon goes on after its last, not after the horizon`() {
        let keys = [key(9), key(8)]
        let page = OperationPage(merging: [.init(keys: keys, horizon: key(2)), .init()], limit: 2)
        #expect(page.keys == keys && page.next == keys[1])
    }
}

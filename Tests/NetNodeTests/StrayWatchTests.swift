import ClusterModel
import NetNode
import Testing

@Suite struct StrayWatchTests {
    private let start = ContinuousClock.now
    private let (blue, red): (VNI, VNI)

    init() throws { (blue, red) = (try VNI(100), try VNI(200)) }

    @Test func `what nobody wants goes after the grace time, and what is wanted stays`() {
        var watch = StrayWatch(grace: .seconds(60))
        #expect(watch.observe(present: [blue, red], wanted: [red], at: start).isEmpty)
        #expect(watch.observe(present: [blue, red], wanted: [red], at: start + .seconds(59)).isEmpty)
        #expect(watch.observe(present: [blue, red], wanted: [red], at: start + .seconds(60)) == [blue])
        #expect(
            watch.observe(present: [blue, red], wanted: [red], at: start + .seconds(90)) == [blue],
            "one that could not be removed is tried again"
        )
    }

    @Test func `a stray that was wanted, or gone, in between begins anew`() {
        for between in [(Set([blue]), Set([blue])), (Set<VNI>(), Set<VNI>())] {
            var watch = StrayWatch(grace: .seconds(60))
            #expect(watch.observe(present: [blue], wanted: [], at: start).isEmpty)
            #expect(watch.observe(present: between.0, wanted: between.1, at: start + .seconds(30)).isEmpty)
            #expect(watch.observe(present: [blue], wanted: [], at: start + .seconds(61)).isEmpty)
            #expect(watch.observe(present: [blue], wanted: [], at: start + .seconds(121)) == [blue])
        }
    }
}

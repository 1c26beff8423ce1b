import Foundation
import Testing

@testable import ClusterModel
@testable import ClusterReports

@Suite struct WaitHistogramTests {
    /// The statement's class of a wait.
    private func waitClass(_ microseconds: Int64) -> Int {
        Int((log2(Double(microseconds + 1)) * Double(WaitHistogram.classesPerDoubling)).rounded(.down))
    }

    @Test(arguments: [0.5, 0.9, 0.99])
    func `a quantile is at most 1.1 per cent off, from a microsecond to a day`(share: Double) throws {
        for scale: Int64 in [1, 1000, 1_000_000, 86_400_000] {
            var histogram = WaitHistogram()
            for wait in 1...1000 as ClosedRange<Int64> {
                histogram.add(1, of: waitClass(wait * scale), longest: wait * scale)
            }
            let exact = Double(scale) * (share * 1000).rounded(.up) / 1_000_000
            let found = try #require(histogram.quantile(share))
            // Half a class, and half a microsecond where the clock itself is no finer.
            #expect(abs(found - exact) <= exact * 0.0111 + 0.000_001, "\(found) for \(exact)")
            #expect(histogram.waits.n == 1000 && histogram.waits.max == Double(1000 * scale) / 1_000_000)
        }
    }

    @Test func `nothing has no quantiles, and one is every quantile`() {
        var histogram = WaitHistogram()
        #expect(histogram.waits == Waits(n: 0, p50: nil, p90: nil, p99: nil, max: nil))
        histogram.add(1, of: waitClass(0), longest: 0)
        #expect(histogram.waits == Waits(n: 1, p50: 0, p90: 0, p99: 0, max: 0))
    }
}

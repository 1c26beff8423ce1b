import Foundation
import Measurement

/// One number of a run, with the bound that it has to keep, if it has one.
struct Figure: Sendable, Encodable, CustomStringConvertible {
    /// On which side of its bound a figure has to be.
    enum Bound: Sendable {
        case atMost(Double)
        case atLeast(Double)
        case none
    }

    let name: String
    let value: Double
    let unit: String
    let bound: Bound

    init(_ name: String, _ value: Double, _ unit: String = "", _ bound: Bound = .none) {
        self.name = name
        self.value = value
        self.unit = unit
        self.bound = bound
    }

    /// Whether the bound is kept; a figure that is no number keeps none.
    var isMet: Bool {
        switch bound {
        case .atMost(let limit): value <= limit
        case .atLeast(let limit): value >= limit
        case .none: true
        }
    }

    private enum CodingKeys: String, CodingKey { case name, value, unit, atMost, atLeast }

    /// Encodes the value as null where it is no number, which JSON does not have.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(value.isFinite ? value : nil, forKey: .value)
        try container.encode(unit, forKey: .unit)
        switch bound {
        case .atMost(let limit): try container.encode(limit, forKey: .atMost)
        case .atLeast(let limit): try container.encode(limit, forKey: .atLeast)
        case .none: break
        }
    }

    var description: String {
        let wanted =
            switch bound {
            case .atMost(let limit): "at most \(limit)"
            case .atLeast(let limit): "at least \(limit)"
            case .none: ""
            }
        let verdict = if case .none = bound { "" } else { isMet ? "met" : "MISSED" }
        let columns = [
            name.padding(toLength: 66, withPad: " ", startingAt: 0), String(format: "%12.3f", value),
            unit.padding(toLength: 7, withPad: " ", startingAt: 0),
            wanted.padding(toLength: 18, withPad: " ", startingAt: 0), verdict,
        ]
        return columns.joined(separator: " ")
    }
}

/// In milliseconds, as figures are given; no number when there is none.
extension Distribution {
    mutating func add(milliseconds: Double) { add(seconds: milliseconds / 1000) }

    /// Returns the milliseconds of the middle of some runs; the first, which opens connections and prepares, does not
    /// count.
    static func median(of count: Int, _ body: () async throws -> Void) async throws -> Double {
        try await body()
        var sample = Distribution()
        for _ in 0..<count { sample.add(try await ContinuousClock().measure(body)) }
        return sample.median
    }

    var median: Double { milliseconds(0.5) }
    var p99: Double { milliseconds(0.99) }

    private func milliseconds(_ share: Double) -> Double { quantile(share).map { $0 * 1000 } ?? .nan }
}

extension [Figure] {
    /// Prints them as one line of JSON.
    func printJSON() throws {
        print(String(decoding: try JSONEncoder().encode(self), as: UTF8.self))
    }
}

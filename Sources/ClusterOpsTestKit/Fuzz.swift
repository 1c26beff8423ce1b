import Foundation

/// Random cases for one parser or writer, each from a seed of its own, so that a failure can be run again.
///
/// `CLUSTEROPS_FUZZ_CASES` is the number of cases of each subject, and `CLUSTEROPS_FUZZ_SEED` the seed of the first.
package struct Fuzz: Sendable {
    /// The result of one case.
    package enum Outcome: Sendable, Hashable {
        /// It was read, or written, as it should be.
        case accepted
        /// It was refused, as it should be.
        case refused
        /// A promise was broken, in words.
        case wrong(String)
    }

    /// The cases in which a promise was broken, at most some.
    package private(set) var complaints: [String] = []
    /// The cases that were run.
    package private(set) var cases = 0
    /// The cases that were accepted: none of a parser's means that little of it was tested.
    package private(set) var accepted = 0
    private var slowest: Duration = .zero

    /// The cases of each subject without the variable: a few seconds for all of them in a debug build.
    private static let usualCases = 1_000
    /// Complaints that are kept: what breaks once breaks often.
    private static let mostComplaints = 5

    /// The cases that a subject has.
    package static let casesOfEach = number("CLUSTEROPS_FUZZ_CASES") ?? usualCases

    private static func number(_ variable: String) -> Int? {
        ProcessInfo.processInfo.environment[variable].flatMap { Int($0) }
    }

    /// Runs a subject's cases.
    ///
    /// A trap ends the process: the last line of its log then names subject and seed.
    ///
    /// - Parameters:
    ///   - subject: What is read or written.
    ///   - part: One case where others have so many, for what takes long.
    ///   - run: Runs one case.
    package init(_ subject: String, oneIn part: Int = 1, _ run: (inout SeededGenerator) -> Outcome) {
        let seed =
            Self.number("CLUSTEROPS_FUZZ_SEED").map { UInt64(bitPattern: Int64($0)) }
            ?? UInt64.random(in: .min ... .max)
        print("fuzz \(subject), seed \(Int64(bitPattern: seed))")
        let clock = ContinuousClock()
        let start = clock.now
        for number in 0..<max(Self.casesOfEach / part, 1) {
            var generator = SeededGenerator(seed: seed &+ UInt64(number))
            let began = clock.now
            let outcome = run(&generator)
            slowest = max(slowest, clock.now - began)
            cases += 1
            switch outcome {
            case .accepted: accepted += 1
            case .refused: break
            case .wrong(let complaint):
                guard complaints.count < Self.mostComplaints else { continue }
                complaints.append("seed \(Int64(bitPattern: seed &+ UInt64(number))): \(complaint)")
            }
        }
        let (took, longest) = (clock.now - start, slowest)
        print("fuzz \(subject): \(cases) cases, \(accepted) accepted, \(took), the slowest \(longest)")
    }
}

extension String {
    /// A Boolean value that indicates whether a character drives a terminal, changes how others are shown, or ends a
    /// line.
    package var hasHiddenCharacters: Bool {
        unicodeScalars.contains { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
            default: false
            }
        }
    }
}

extension SeededGenerator {
    /// Bytes of which a parser knows the beginnings: one of some samples, with a few changes.
    package mutating func bytes(like samples: [[UInt8]]) -> [UInt8] {
        var bytes = samples.randomElement(using: &self) ?? []
        for _ in 0..<Int.random(in: 0...4, using: &self) { change(&bytes, samples) }
        return bytes
    }

    /// Text of which a parser knows the beginnings; what is no UTF-8 is replaced.
    package mutating func text(like samples: [String]) -> String {
        String(decoding: bytes(like: samples.map { Array($0.utf8) }), as: UTF8.self)
    }

    /// Numbers at which arithmetic and tables end.
    private static let edges: [UInt8] = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff, 0x0a, 0x0d, 0x1b, 0x20, 0x22, 0x5c]

    private mutating func change(_ bytes: inout [UInt8], _ samples: [[UInt8]]) {
        let place = Int.random(in: 0...bytes.count, using: &self)
        let end = min(bytes.count, place + Int.random(in: 0...12, using: &self))
        switch Int.random(in: 0..<9, using: &self) {
        case 0 where place < bytes.count: bytes[place] = .random(in: 0...255, using: &self)
        case 1 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &self)
        case 2 where place < bytes.count: bytes[place] = Self.edges.randomElement(using: &self) ?? 0
        case 3: bytes.removeSubrange(place..<end)
        case 4: bytes.insert(contentsOf: bytes[place..<end], at: place)
        case 5: bytes.removeSubrange(place...)
        case 6:
            bytes.insert(
                contentsOf: (0..<Int.random(in: 1...8, using: &self)).map { _ in
                    UInt8.random(in: 0...255, using: &self)
                },
                at: place
            )
        case 7:
            let other = samples.randomElement(using: &self) ?? []
            bytes.replaceSubrange(place..., with: other.dropFirst(Int.random(in: 0...other.count, using: &self)))
        default:
            // A number of two bytes, such as a length.
            for offset in place..<min(bytes.count, place + 2) {
                bytes[offset] = Self.edges.randomElement(using: &self) ?? 0
            }
        }
    }
}

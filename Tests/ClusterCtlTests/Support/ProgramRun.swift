import Foundation

/// What a program that has ended left behind.
struct ProgramRun: Sendable {
    let status: Int32
    let output: String
    let talk: String

    /// Runs a program to its end; no thread waits for it meanwhile.
    ///
    /// `started` is given the process id once it runs.
    static func run(
        _ program: String,
        _ arguments: [String],
        environment: [String: String],
        input: String? = nil,
        started: @escaping @Sendable (Int32) -> Void = { _ in }
    ) async throws -> ProgramRun {
        // Files rather than pipes: nobody has to read while the program runs.
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("run-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let (outputFile, talkFile) = (directory.appendingPathComponent("out"), directory.appendingPathComponent("err"))
        for file in [outputFile, talkFile] { try Data().write(to: file) }

        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = environment
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        process.standardError = try FileHandle(forWritingTo: talkFile)
        process.standardInput = FileHandle.nullDevice
        if let input {
            let inputFile = directory.appendingPathComponent("in")
            try Data(input.utf8).write(to: inputFile)
            process.standardInput = try FileHandle(forReadingFrom: inputFile)
        }
        let (ends, end) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { ended in
            // A program that a signal killed has no exit code; its number as a negative one cannot be mistaken.
            end.yield(ended.terminationReason == .exit ? ended.terminationStatus : -ended.terminationStatus)
            end.finish()
        }
        try process.run()
        started(process.processIdentifier)
        var status: Int32 = .min
        for await value in ends { status = value }
        return ProgramRun(
            status: status,
            output: try String(contentsOf: outputFile, encoding: .utf8),
            talk: try String(contentsOf: talkFile, encoding: .utf8)
        )
    }
}

import Testing

/// The harness of the benchmark, whose page people trust without running it.
@Suite(.timeLimit(.minutes(15))) struct BenchmarkTests {
    @Test func `the page is what its figures make of it, and what is not honest fails a run`() async throws {
        let run = try await ProgramRun.run(
            "/usr/bin/python3",
            ["-m", "unittest", "discover", "--start-directory", "\(ProgramRun.root)/Benchmarks/Harness"],
            environment: ["PYTHONDONTWRITEBYTECODE": "1"]
        )
        #expect(run.status == 0, "\(run.talk)")
        // What finds no test has found nothing wrong.
        let count = try #require(run.talk.firstMatch(of: /Ran ([0-9]+) tests/)?.output.1)
        #expect(try #require(Int(count)) >= 30)
    }
}

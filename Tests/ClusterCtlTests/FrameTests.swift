import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterStore
@testable import clusterctl

@Suite struct FrameTests {
    @Test func `a schema is migrated, and told about, by commands that fit their examples`() async throws {
        try await withFreshSchema { _, configuration in
            let expected = [("status", "false"), ("migrate", "true"), ("migrate", "true"), ("status", "true")]
            for (verb, migrated) in expected {
                let run = try await ClusterCtlProgram.run(["db", verb, "-o", "json"], on: configuration)
                #expect(run.status == 0 && run.talk == "")
                #expect(try Golden("db-\(verb)").differences(from: run.output) == [])
                #expect(run.output.contains("\"migrated\" : \(migrated)"))
            }
        }
    }

    @Test func `a check of the schema says what is missing, and by its exit code whether programs work on`()
        async throws
    {
        try await withFreshSchema { database, configuration in
            func check() async throws -> ProgramRun {
                let words = ["db", "migrate", "--check", "-o", "json"]
                let run = try await ClusterCtlProgram.run(words, on: configuration)
                #expect(try Golden("db-migrate-check").differences(from: run.output) == [])
                return run
            }
            let fresh = try await check()
            #expect(fresh.status == 0 && fresh.output.contains("\"programs_work_on\" : true"), "\(fresh)")
            let tables: SQL = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()"
            let count = try await database.withSession { try $0.query(tables)[0].only(Int.self) }
            #expect(count == 0, "it makes nothing")
            #expect(try await ClusterCtlProgram.run(["db", "migrate"], on: configuration).status == 0)
            #expect(try await check().status == 0)
            try await database.withSession { session in
                _ = try session.execute("DELETE FROM schema_migrations WHERE version >= \(Migrations.baseline)")
            }
            let behind = try await check()
            #expect(behind.status == 4 && behind.output.contains("\"programs_work_on\" : false"), "\(behind)")
            #expect(behind.talk.contains("stop them first"))
        }
    }

    @Test func `help goes to stdout and is no failure, bad usage to stderr with exit code 64`()
        async throws
    {
        try await withFreshSchema { _, configuration in
            let help = try await ClusterCtlProgram.run(["db", "migrate", "--help"], on: configuration)
            #expect(help.status == 0 && help.talk == "" && help.output.contains("--config"))
            let bad = [
                ["no-such-noun"], ["db", "status", "x"], ["db", "status", "x\u{1b}[2J\n"], ["db", "status", "-o", "x"],
            ]
            for arguments in bad {
                let run = try await ClusterCtlProgram.run(arguments, on: configuration)
                #expect(run.status == 64 && run.output == "", "\(arguments)")
                #expect(run.talk.hasSuffix("\n"), "\(run.talk)")
                for line in run.talk.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
                    #expect(line.hasPrefix("clusterctl: "), "\(run.talk)")
                    #expect(line.allSatisfy { $0 >= " " && $0 != "\u{1b}" }, "\(run.talk)")
                }
            }
        }
    }

    @Test func `a table fits the terminal, and no line ends in spaces`() {
        let table = TextTable(
            ["A", .name("B")],
            rows: [["short", String(repeating: "x", count: 60)], ["a\nb", nil]]
        )
        let lines = table.text(width: 40).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        #expect(lines.count == 3)
        #expect(lines.allSatisfy { $0.count <= 40 && !$0.hasSuffix(" ") })
        #expect(lines[1].hasPrefix("short  xx") && lines[1].contains("x…x") && lines[1].count == 40)
        #expect(lines[2] == "a\\nb   -")
        #expect(table.text(width: nil).contains(String(repeating: "x", count: 60)))
    }
}

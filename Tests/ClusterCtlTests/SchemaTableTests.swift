import ClusterReports
import Foundation
import Testing

@testable import clusterctl

/// Tables of answers that are never the same twice, which no session can be held against: from their documents.
@Suite struct SchemaTableTests {
    private func table<View: Answer & Decodable>(_ type: View.Type, _ document: String, width: Int) throws -> String {
        try JSONDecoder().decode(View.self, from: try Golden.data(document)).table.text(width: width)
    }

    @Test func `the figures of a benchmark stand below each other`() throws {
        let actual = try table(BenchView.self, "bench", width: 80)
        let expected = """
            DRAIN         N     P50        P90        P99        P99.9      MAX
            wait          5000  2080.0 ms  3790.0 ms  4150.0 ms  4190.0 ms  4200.0 ms
            operations    5000  in 4.2 s   -          -          -          -
            per second    1191  -          -          -          -          -
            not_complete  0     -          -          -          -          -

            """
        #expect(actual == expected)
    }

    private static let doctor = [
        80: """
        warning   settings: innodb_flush_log_at_trx_commit is 2: a crash of the machine
                  loses operations that were acknowledged
          remedy  SET GLOBAL innodb_flush_log_at_trx_commit = 1, and the same in the
                  server's configuration

        """,
        120: """
        warning   settings: innodb_flush_log_at_trx_commit is 2: a crash of the machine loses operations that were \
        acknowledged
          remedy  SET GLOBAL innodb_flush_log_at_trx_commit = 1, and the same in the server's configuration

        """,
    ]

    @Test(arguments: doctor)
    func `a finding has its severity, its check and its remedy, and is broken to the width`(
        width: Int,
        expected: String
    ) throws {
        let actual = try table(DoctorView.self, "doctor", width: width)
        #expect(actual == expected)
    }
}

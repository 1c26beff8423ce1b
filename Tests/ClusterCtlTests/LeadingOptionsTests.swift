import ClusterOpsTestKit
import Testing

@testable import clusterctl

@Suite(.timeLimit(.minutes(15))) struct LeadingOptionsTests {
    private func moved(_ line: String) -> String {
        LeadingOptions.moved(in: line.split(separator: " ").map(String.init), of: ClusterCtl.self)
            .joined(separator: " ")
    }

    @Test(arguments: [
        ("--config X status", "status --config X"),
        ("--config=X -o json op list --limit 3", "op list --config=X -o json --limit 3"),
        ("op --output json show 0190163d -o table", "op show --output json 0190163d -o table"),
        // The words of a command are its own.
        ("op enqueue op --config X", "op enqueue op --config X"),
        ("op list --requester --config", "op list --requester --config"),
    ])
    func `options of every command may stand before it`(line: String, expected: String) {
        #expect(moved(line) == expected)
    }

    @Test(arguments: ["", "--help", "--version", "op", "op --help", "frobnicate --config X", "---completion op list"])
    func `other lines stay as they are`(line: String) {
        #expect(moved(line) == line)
    }

    @Test(arguments: [("--config X", ""), ("-o json op", "op"), ("--config X opp list", "opp list --config X")])
    func `a line without a command is refused as such`(line: String, expected: String) {
        #expect(moved(line) == expected)
    }

    @Test func `clusterctl takes them there`() async throws {
        try await withCluster { cluster in
            let run = try await cluster.clusterctl("-o", "json", "op", "list")
            #expect(run.status == 0 && run.output.contains("\"items\""), "\(run.talk)")
            let missing = try await cluster.clusterctl("--config", "/nonexistent", "status")
            #expect(missing.status == 64 && missing.talk.contains("/nonexistent"), "\(missing.talk)")
            let typo = try await cluster.clusterctl("--config", "/nonexistent", "statsu")
            #expect(typo.status == 64 && typo.talk.contains("did you mean 'status'?"), "\(typo.talk)")
        }
    }
}

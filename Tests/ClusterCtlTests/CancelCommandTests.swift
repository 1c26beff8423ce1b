import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports

@Suite struct CancelCommandTests {
    @Test func `op cancel says what it ended and for how many, and conflicts once it has ended`() async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            let words = ["op", "enqueue", "network_apply_update_dnsmasq", "--network", "blue"]
            let id = try await cluster.enqueue(words)
            #expect(try await cluster.enqueue(words) == id)
            let run = try await cluster.clusterctl("op", "cancel", "\(id)", "-o", "json")
            #expect(run.status == 0 && run.talk.contains("2 requests of 1 requesters"), "\(run.talk)")
            #expect(try Golden("op-cancel").differences(from: run.output) == [])
            let again = try await cluster.clusterctl("op", "cancel", "\(id)")
            #expect(again.status == 4 && again.output == "" && again.talk.contains("cancelled"), "\(again.talk)")
            #expect(try await cluster.clusterctl("op", "cancel", "\(OperationID.new())").status == 3)
            #expect(try await cluster.clusterctl("op", "cancel", "x").status == 64)
            let view = try await cluster.answer(OperationView.self, "op", "show", "\(id)")
            #expect(view.timeline.map(\.event).suffix(2) == [.cancelRequested, .ended])
            #expect(view.timeline.first { $0.event == .cancelRequested }?.details["requester"] != .null)
        }
    }

    @Test func `op cancel of a running one tells that its worker is told`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.enqueue(["op", "enqueue", "noop"])
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            let answer = try await cluster.answer(CancelView.self, "op", "cancel", "\(id)")
            #expect(answer.state == .executing)
            let table = try await cluster.clusterctl("op", "cancel", "\(id)")
            #expect(table.status == 0 && table.talk.contains("op wait"), "\(table.talk)")
            try await worker.settle(claims, .handedBack)
            #expect(try await cluster.clusterctl("op", "wait", "\(id)").status == 1)
        }
    }

    @Test func `op retry answers with the new operation, and conflicts for one that completed`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.enqueue(["op", "enqueue", "noop"])
            #expect(try await cluster.clusterctl("op", "retry", "\(id)").status == 4)
            #expect(try await cluster.clusterctl("op", "cancel", "\(id)").status == 0)
            let run = try await cluster.clusterctl("op", "retry", "\(id)", "-o", "json")
            #expect(run.status == 0 && run.talk == "")
            #expect(try Golden("op-retry").differences(from: run.output) == [])
            let again = try await cluster.clusterctl("op", "retry", "\(id)")
            #expect(again.status == 4 && again.talk.contains("was retried already, as '"), "\(again.talk)")
            #expect(try await cluster.clusterctl("op", "retry", "\(id)", "--force").output.contains("retry of"))
            #expect(try await cluster.clusterctl("op", "retry", "\(OperationID.new())").status == 3)
        }
    }

    @Test func `queue pause and resume are told by queue list, and may be said twice`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.enqueue(["op", "enqueue", "noop"])
            for _ in 0..<2 {
                let pause = try await cluster.clusterctl(
                    "queue",
                    "pause",
                    "any-*",
                    "--reason",
                    "disk swap",
                    "-o",
                    "json"
                )
                #expect(pause.status == 0, "\(pause.talk)")
                #expect(try Golden("queue-pause").differences(from: pause.output) == [])
            }
            let paused = try await cluster.answer(ListView<QueueView>.self, "queue", "list").items
            #expect(paused.map(\.pausedReason) == ["disk swap"])
            _ = try await cluster.answer(QueuePauseView.self, "queue", "pause", "*", "--reason", "all")
            let resume = try await cluster.clusterctl("queue", "resume", "any-*", "-o", "json")
            #expect(resume.status == 0 && resume.talk.contains("still paused by '*': all"), "\(resume.talk)")
            #expect(try Golden("queue-resume").differences(from: resume.output) == [])
            #expect(try await cluster.clusterctl("queue", "resume", "*").status == 0)
            let again = try await cluster.clusterctl("queue", "resume", "*")
            #expect(again.status == 0 && again.talk.contains("nothing was changed"), "\(again.talk)")
            let list = try await cluster.answer(ListView<QueueView>.self, "queue", "list").items
            #expect(list.map(\.paused) == [false])
            for bad in [["any-backgruond", "--reason", "r"], ["any-*"], ["any-*", "--reason", ""]] {
                let run = try await ClusterCtlProgram.run(["queue", "pause"] + bad, on: cluster.configuration)
                #expect(run.status == 64 && run.output == "", "\(bad): \(run.talk)")
            }
        }
    }
}

extension TestCluster {
    fileprivate func enqueue(_ words: [String]) async throws -> OperationID {
        let run = try await ClusterCtlProgram.run(words + ["-o", "json"], on: configuration)
        try #require(run.status == 0, "\(run.talk)")
        return try JSONDecoder().decode(OperationReceipt.self, from: Data(run.output.utf8)).uuid
    }
}

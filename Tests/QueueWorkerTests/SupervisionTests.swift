import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@Suite(.timeLimit(.minutes(15))) struct SupervisionTests {
    @Test func `a running command is seen in the cluster with its process, its memory and its time, and goes with it`()
        async throws
    {
        let busy = "echo $$ > \"$0\"; while [ ! -e \"$0.stop\" ]; do :; done"
        try await withWorkers(tasks: ["busy": busy]) { cluster, workers in
            let worker = try await workers.start("h1")
            let id = try await cluster.enqueueEventually("busy")
            func sample() async throws -> (pid: Int?, memory: Int?, cpu: Double?)? {
                try await cluster.database.withSession { session in
                    try session.query(
                        """
                        SELECT pid, memory_bytes, cpu_percent FROM supervised_processes
                        WHERE service = \("command busy \(id)")
                        """
                    ).first?.decode((Int?, Int?, Double?).self)
                }
            }
            // It takes two samples of ten seconds to know a share.
            try await eventually("its share is known", within: .seconds(60)) { try await sample()?.cpu != nil }
            let seen = try #require(try await sample())
            let pid = try #require(Int(workers.scratch.trimmingCharacters(in: .whitespacesAndNewlines)))
            #expect(seen.pid == pid && (seen.memory ?? 0) > 100_000)
            #expect((seen.cpu ?? 0) > 5, "a loop without a pause, on a machine that others use too")
            try "".write(toFile: workers.scratchPath + ".stop", atomically: true, encoding: .utf8)
            #expect(try await cluster.end(of: id).state == .complete)
            worker.signal(SIGTERM)
            #expect(try await worker.end() == 0)
            #expect(try await sample() == nil)
        }
    }
}

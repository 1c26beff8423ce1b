import ClusterOpsTestKit
import Glibc
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore
@testable import NetNode

/// Reads of a kernel that is being changed all the time.
@Suite struct InterruptedDumpTests {
    private static let interruption = NetlinkError.refused(attempt: "read", error: EINTR)

    @Test(arguments: [0, 1, HostSurvey.mostInterruptions])
    func `a dump that was interrupted is made again`(interruptions: Int) async throws {
        var dumps = 0
        let seen = try await HostSurvey.uninterrupted {
            dumps += 1
            guard dumps > interruptions else { throw Self.interruption }
            return dumps
        }
        #expect(seen == interruptions + 1)
    }

    @Test(arguments: [(EINTR, HostSurvey.mostInterruptions + 1), (EPERM, 1)])
    func `one that cannot be made says why`(number: Int32, most: Int) async throws {
        var dumps = 0
        let refusal = NetlinkError.refused(attempt: "read", error: number)
        await #expect(throws: refusal) {
            try await HostSurvey.uninterrupted { () async throws -> Int in
                dumps += 1
                throw refusal
            }
        }
        #expect(dumps == most)
    }

    @Test func `a task whose dumps were all interrupted spends no attempt`() async throws {
        try await withCluster { cluster in
            let network = NetworkID.new()
            try await cluster.execute(
                """
                INSERT INTO networks (id, name, vni, cidr, mtu, dhcp, dns)
                VALUES (\(network), 'blue', 100, '10.9.0.0/24', 1450, TRUE, TRUE)
                """
            )
            let task = BuiltInTask.networkApplyUpdateDNSMasq
            let request = OperationRequest(tasks: [task.name], target: .init(network: try NetworkName("blue")))
            let operation = try await cluster.operation(try await cluster.queue.enqueue(request).uuid)
            let attempt = Attempt(operation: operation, task: task.name, number: 1, node: try NodeName("h1"))
            let interrupted = await NetworkTask.outcome(of: attempt, on: nil) { _ in throw Self.interruption }
            #expect(interrupted == .tryLater)
            let refused = await NetworkTask.outcome(of: attempt, on: nil) { _ in
                throw NetlinkError.refused(attempt: "read", error: EPERM)
            }
            guard case .failed = refused else {
                Issue.record("\(refused)")
                return
            }
        }
    }
}

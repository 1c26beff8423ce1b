import ClusterOpsTestKit
import ClusterReports
import Logging
import MariaDB
import Testing

@testable import ClusterEngine

/// Broken Galera clusters, and the sentences of `doctor` on them; on clusters of their own, so that they run beside
/// `GaleraTests`.
@Suite(.timeLimit(.minutes(15))) struct GaleraDoctorTests {
    private static let schema = "examined"

    private func configuration(_ hosts: [ConnectionConfiguration.Host]) -> ConnectionConfiguration {
        ConnectionConfiguration(endpoint: .hosts(hosts), user: "root", schema: Self.schema)
    }

    /// The sentences about the servers that are configured.
    private func findings(_ hosts: [ConnectionConfiguration.Host]) async throws -> [String] {
        let connection = ClusterConnection(configuration(hosts), requester: "test", logger: .silent)
        let doctor = try await connection.diagnosis()
        await connection.close()
        let check = try #require(doctor.checks.first { $0.check == "database_hosts" })
        return check.findings.map(\.message)
    }

    @Test func `a change that is on its way makes no difference between members`() async throws {
        let galera = try PrivateGalera(size: 2)
        defer { galera.destroy() }
        let hosts = galera.members.map(\.host)
        _ = try galera.members[0].server.client("CREATE DATABASE \(Self.schema)")
        let writer = Database(galera.members[0].configuration(schema: Self.schema), logger: .silent)
        try await writer.withSession { session in
            try session.execute("CREATE TABLE networks (id INT PRIMARY KEY, generation INT)")
            try session.execute("INSERT INTO networks VALUES (1, 1)")
        }
        let isOver = Locked(false)
        async let changes = {
            var count = 0
            while !isOver.value, !Task.isCancelled {
                try await writer.withSession { session in
                    _ = try session.execute("UPDATE networks SET generation = generation + 1")
                }
                count += 1
            }
            return count
        }()
        for _ in 1...20 {
            let found = try await findings(hosts)
            #expect(!found.contains { $0.contains("different rows") }, "\(found)")
        }
        isOver.update { $0 = true }
        #expect(try await changes > 20)
        await writer.close()
    }

    private func eventuallyFound(
        _ words: String,
        on hosts: [ConnectionConfiguration.Host]
    ) async throws -> [String] {
        let found = Locked<[String]>([])
        try await eventually("doctor says: \(words)") {
            // A first member that has just become the cluster does not answer at once.
            guard let messages = try? await findings(hosts) else { return false }
            found.update { $0 = messages }
            return messages.contains { $0.contains(words) }
        }
        return found.value
    }

    @Test func `doctor tells each way in which members are not one cluster of equals`() async throws {
        let galera = try PrivateGalera(size: 2)
        defer { galera.destroy() }
        let (first, second) = (galera.members[0], galera.members[1])
        _ = try first.server.client("CREATE DATABASE \(Self.schema)")
        let hosts = [first.host, second.host]
        let few = "the Galera cluster has 2 of the 3 members that it takes to lose one"
        #expect(try await findings(hosts) == [few])

        // As after a time in which each was a cluster of its own.
        _ = try first.server.client("CREATE TABLE \(Self.schema).networks (id INT PRIMARY KEY, generation INT)")
        _ = try second.server.client(
            "SET SESSION wsrep_on = OFF; INSERT INTO \(Self.schema).networks VALUES (1, 1), (2, 1)"
        )
        let different = try await findings(hosts).filter { $0 != few }
        #expect(different.count == 1)
        let (one, other) = (first.host.text, second.host.text)
        #expect(different[0].hasPrefix("the database servers \(one) and \(other) hold different rows in networks: "))
        _ = try second.server.client("SET SESSION wsrep_on = OFF; DELETE FROM \(Self.schema).networks")
        #expect(try await findings(hosts) == [few])

        _ = try second.server.client(
            "SET GLOBAL wsrep_sst_donor_rejects_queries = ON; SET GLOBAL wsrep_desync = ON"
        )
        try second.server.stepClock(by: .seconds(8))
        var found = try await eventuallyFound("\(second.host.text) is not synced (Donor/Desynced)", on: hosts)
        #expect(found.count == 4 && found.contains(few), "\(found)")
        #expect(found.contains { $0.hasPrefix("wsrep_sst_donor_rejects_queries is ON on \(second.host.text): ") })
        #expect(found.contains { $0.hasPrefix("the clock of the database server \(second.host.text) is ") })
        _ = try second.server.client(
            "SET GLOBAL wsrep_sst_donor_rejects_queries = OFF; SET GLOBAL wsrep_desync = OFF"
        )
        try second.server.stepClock(by: .zero)

        // Neither of two has a quorum without the other.
        try second.isolate(true)
        for member in galera.members {
            try await eventually("\(member.host.text) has no quorum") {
                member.status("wsrep_cluster_status") == "non-Primary"
            }
        }
        try first.takeForCluster()
        found = try await eventuallyFound("\(second.host.text) cannot be used", on: hosts)
        #expect(found.contains { $0.contains("it has no quorum (wsrep_cluster_status") }, "\(found)")
        try second.takeForCluster()
        found = try await eventuallyFound("see different members", on: hosts)
        let views = "(\(first.host.text) sees 1, \(second.host.text) sees 1)"
        #expect(
            found == ["members of one Galera cluster see different members \(views): they write without each other"]
        )
    }

    @Test func `a server of another cluster is told by doctor, and refused by a process that knows its own`()
        async throws
    {
        let (own, other) = (try PrivateGalera(size: 1), try PrivateGalera(size: 1))
        defer { for galera in [own, other] { galera.destroy() } }
        let members = [own.members[0], other.members[0]]
        for member in members { _ = try member.server.client("CREATE DATABASE \(Self.schema)") }
        let hosts = members.map(\.host)
        let found = try await findings(hosts)
        let words = "\(hosts[1].text) has another history than \(hosts[0].text)"
        #expect(found.contains { $0.contains(words) }, "\(found)")

        let database = Database(configuration(hosts), logger: .silent)
        _ = try await database.withSession { try $0.execute("CREATE TABLE facts (id INT PRIMARY KEY)") }
        members[0].server.kill()
        try await eventually("nothing is left that serves") {
            do {
                try await database.withSession { _ = try $0.execute("CREATE TABLE strays (id INT PRIMARY KEY)") }
                // Now there is such a table, and no further try would tell anything.
                Issue.record("a server of another cluster was written to")
                return true
            } catch let error as DatabaseError {
                return error.isUnreachable && "\(error)".contains("another history")
            }
        }
        await database.close()
        #expect(try members[1].server.client("SHOW TABLES FROM \(Self.schema)") == "")
    }
}

extension ConnectionConfiguration.Host {
    fileprivate var text: String { "\(name):\(port)" }
}

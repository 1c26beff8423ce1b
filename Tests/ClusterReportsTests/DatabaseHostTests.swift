import MariaDB
import Testing

@testable import ClusterReports

/// The judgement on what database servers say about themselves; `GaleraDoctorTests` of `EngineTests` breaks real ones.
@Suite(.timeLimit(.minutes(15))) struct DatabaseHostTests {
    private static let names = ["db1:3306", "db2:3306", "db3:3306", "db4:3306"]

    private static func member(_ changes: [String: String] = [:], of size: Int = 3) -> [String: String] {
        [
            "wsrep_on": "ON", "binlog_format": "ROW", "innodb_autoinc_lock_mode": "2",
            "wsrep_sst_donor_rejects_queries": "OFF", "wsrep_certify_nonpk": "ON", "wsrep_osu_method": "TOI",
            "wsrep_cluster_size": "\(size)", "wsrep_cluster_state_uuid": "a", "wsrep_local_state": "4",
            "wsrep_local_state_comment": "Synced",
            "wsrep_incoming_addresses": names.prefix(size).joined(separator: ","),
        ].merging(changes) { $1 }
    }

    /// Members with checksums of their tables.
    private func members(_ checksums: [[String: Int]]) -> [DoctorCheck.DatabaseHost] {
        zip(Self.names, checksums).map { name, checksums in
            let facts = DoctorCheck.DatabaseHostFacts(
                variables: Self.member(),
                clockDifference: 0,
                checksums: checksums
            )
            return DoctorCheck.DatabaseHost(host: name, answer: .success(facts))
        }
    }

    private func findings(_ hosts: [[String: String]], clocks: [Double] = []) -> [String] {
        DoctorCheck.findings(
            ofHosts: hosts.enumerated().map { position, variables in
                let facts = DoctorCheck.DatabaseHostFacts(
                    variables: variables,
                    clockDifference: clocks.isEmpty ? 0 : clocks[position]
                )
                return DoctorCheck.DatabaseHost(host: Self.names[position], answer: .success(facts))
            }
        ).map(\.message)
    }

    @Test func `three members that are alike are well, and so are one server and a primary with its replica`() {
        #expect(findings([Self.member(), Self.member(), Self.member()]) == [])
        #expect(findings([["wsrep_on": "OFF"]]) == [] && findings([["wsrep_on": "OFF"], [:]]) == [])
        // A proxy leads to one of three.
        #expect(findings([Self.member()]) == [])
    }

    @Test func `a number of members that does not survive the loss of one, or of the line between two halves, is told`()
    {
        let two = Self.member(of: 2)
        let four = Self.member(of: 4)
        #expect(findings([two, two]) == ["the Galera cluster has 2 of the 3 members that it takes to lose one"])
        #expect(
            findings([four, four, four, four])
                == ["the Galera cluster has 4 members: cut in halves, none of them has a quorum"]
        )
    }

    @Test func `members that write without each other are told, also when they see as many`() {
        let alone = Self.member(["wsrep_incoming_addresses": "db3:3306"], of: 1)
        let found = findings([Self.member(of: 2), Self.member(of: 2), alone])
        #expect(found.count == 1 && found[0].contains("(db1:3306 sees 2, db2:3306 sees 2, db3:3306 sees 1)"))
        let pair = [Self.member(of: 1), alone]
        #expect(findings(pair).count == 1 && findings(pair)[0].contains("see different members"))
    }

    @Test func `a server of another cluster, and one of none, are told by name`() {
        let other = findings([Self.member(), Self.member(["wsrep_cluster_state_uuid": "b"])])
        #expect(other.count == 1 && other[0].contains("db2:3306 has another history than db1:3306"))
        let none = findings([["wsrep_on": "OFF"], Self.member()])
        #expect(none.count == 1 && none[0].contains("db1:3306 is no member of the Galera cluster of db2:3306"))
    }

    @Test func `a member that is not synced is told with its state`() {
        let donor = Self.member(["wsrep_local_state": "2", "wsrep_local_state_comment": "Donor/Desynced"])
        let found = findings([Self.member(), donor, Self.member()])
        #expect(found.count == 1 && found[0].contains("db2:3306 is not synced (Donor/Desynced)"))
    }

    @Test(
        arguments: [
            ("binlog_format", "MIXED"), ("innodb_autoinc_lock_mode", "1"), ("wsrep_sst_donor_rejects_queries", "ON"),
            ("wsrep_certify_nonpk", "OFF"), ("wsrep_osu_method", "RSU"),
        ]
    )
    func `a setting that members must not have is told once, with those that have it`(name: String, value: String) {
        let wrong = Self.member([name: value])
        let found = findings([Self.member(), wrong, wrong])
        #expect(found.count == 1 && found[0].hasPrefix("\(name) is \(value) on db2:3306, db3:3306: "))
    }

    @Test func `tables with other rows are told by name, but for those that change while one looks`() {
        let alike = members([["nodes": 1, "networks": 2], ["nodes": 1, "networks": 2], ["nodes": 1]])
        #expect(!DoctorCheck.differ(alike) && DoctorCheck.findings(ofHosts: alike).isEmpty)
        let earlier = members([
            ["nodes": 1, "networks": 2], ["nodes": 1, "networks": 2], ["nodes": 9, "networks": 2],
        ])
        let later = members([["nodes": 1, "networks": 2], ["nodes": 1, "networks": 3], ["nodes": 9, "networks": 3]])
        #expect(DoctorCheck.differ(earlier) && DoctorCheck.differ(later))
        let found = DoctorCheck.findings(ofHosts: DoctorCheck.steady(later, since: earlier)).map(\.message)
        #expect(found.count == 1)
        #expect(found[0].hasPrefix("the database servers db1:3306 and db3:3306 hold different rows in nodes: "))
        // Of a server that did not answer at first nothing is known to stand still.
        let error = DatabaseError(code: .doesNotServe, phase: .connect, message: "")
        let away = DoctorCheck.DatabaseHost(host: "db3:3306", answer: .failure(error))
        #expect(DoctorCheck.findings(ofHosts: DoctorCheck.steady(later, since: earlier.dropLast() + [away])).isEmpty)
    }

    @Test func `two members with other rows are told also beside one of which nothing is known`() {
        let cases: [(checksums: [[String: Int]], pair: String)] = [
            ([[:], ["nodes": 1], ["nodes": 2]], "db2:3306 and db3:3306"),
            ([["nodes": 1], [:], ["nodes": 2]], "db1:3306 and db3:3306"),
            ([["nodes": 1], ["nodes": 2], [:]], "db1:3306 and db2:3306"),
        ]
        for (checksums, pair) in cases {
            let hosts = members(checksums)
            #expect(DoctorCheck.differ(hosts))
            let found = DoctorCheck.findings(ofHosts: hosts).map(\.message)
            #expect(found.count == 1)
            #expect(found.first?.hasPrefix("the database servers \(pair) hold different rows in nodes: ") == true)
        }
        // Where all three are different, two of them differ from one before them.
        #expect(DoctorCheck.findings(ofHosts: members([["nodes": 1], ["nodes": 2], ["nodes": 3]])).count == 2)
    }

    @Test func `a member whose tables could not be read is not said to hold the same rows, and serves all the same`() {
        var facts = DoctorCheck.DatabaseHostFacts(variables: Self.member(), clockDifference: 0)
        let well = DoctorCheck.DatabaseHost(host: Self.names[0], answer: .success(facts))
        facts.notCompared = "it took too long"
        let found = DoctorCheck.findings(
            ofHosts: [well, DoctorCheck.DatabaseHost(host: Self.names[1], answer: .success(facts))]
        )
        #expect(found.map(\.message).filter { $0.contains("were not compared") && $0.contains("too long") }.count == 1)
        #expect(!found.contains { $0.message.contains("cannot be used") })
    }

    @Test func `clocks that differ by more than a second are told, whichever is this machine's`() {
        let members = [Self.member(), Self.member(), Self.member()]
        #expect(findings(members, clocks: [0.4, 0, -0.5]) == [])
        let found = findings(members, clocks: [0.5, -7.5, 0])
        #expect(found.count == 1 && found[0].contains("db2:3306 is 8.0 s ahead of that of db1:3306"))
    }

    @Test func `a server that cannot be used is told with the reason, and does not hide what the others say`() {
        let error = DatabaseError(code: .doesNotServe, phase: .connect, message: "it has no quorum")
        let two = DoctorCheck.DatabaseHostFacts(variables: Self.member(of: 2), clockDifference: 0)
        let found = DoctorCheck.findings(ofHosts: [
            DoctorCheck.DatabaseHost(host: "db1:3306", answer: .failure(error)),
            DoctorCheck.DatabaseHost(host: "db2:3306", answer: .success(two)),
        ]).map(\.message)
        #expect(found.count == 2 && found[0].contains("db1:3306 cannot be used") && found[0].contains("no quorum"))
        #expect(found[1].contains("2 of the 3"))
    }
}

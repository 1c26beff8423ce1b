import MariaDB
import Testing

@Suite struct TextTests {
    @Test func `interpolation binds, whatever the value is`() {
        let name = "x'; DROP TABLE work_queue; --"
        let sql: SQL = "SELECT id FROM nodes WHERE name = \(name) AND term = \(7)"
        #expect(sql.text == "SELECT id FROM nodes WHERE name = ? AND term = ?")
        #expect(sql.values == [.text(name), .integer(7)])
    }

    @Test func `a list is filled up to a power of two with its last member`() {
        let sql: SQL = "IN (\(list: [1, 2, 3, 4, 5]))"
        #expect(sql.text == "IN (?, ?, ?, ?, ?, ?, ?, ?)")
        #expect(sql.values == [1, 2, 3, 4, 5, 5, 5, 5].map { .integer($0) })
    }

    @Test func `a point in time prints the contract's form and reads it back`() throws {
        for text in [
            "1970-01-01T00:00:00.000000Z", "2026-11-21T03:04:05.000009Z", "2024-02-29T23:59:59.999999Z",
            "2000-03-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z", "2100-02-28T12:00:00.500000Z",
        ] {
            #expect(try #require(Timestamp(text)).description == text)
        }
        #expect(Timestamp("2026-11-21T03:04:05Z") == nil)
        #expect(Timestamp("2026-13-21T03:04:05.000000Z") == nil)
        #expect(Timestamp(microseconds: 1_795_230_245_000_009).description == "2026-11-21T03:04:05.000009Z")
    }

    @Test func `days count up without a gap for four hundred years`() {
        var last = Timestamp(microseconds: 0)
        for day in 1...146_097 {
            let next = Timestamp(microseconds: Int64(day) * 86_400_000_000)
            guard last.description < next.description, Timestamp(next.description) == next else {
                Issue.record("day \(day): \(last) then \(next)")
                return
            }
            last = next
        }
    }
}

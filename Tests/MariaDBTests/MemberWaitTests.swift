import Testing

@testable import MariaDB

@Suite struct MemberWaitTests {
    private func explains(
        _ text: String,
        _ phase: DatabaseError.Phase = .execute,
        tried: Duration = .seconds(3),
        code: DatabaseError.Code = .lockWaitTimeout
    ) -> Bool {
        let error = DatabaseError(code: code, phase: phase, message: "")
        return MemberWait.mayExplain(error, of: text) && MemberWait.explains(error, of: text, tried: tried)
    }

    @Test(arguments: ["SELECT 1", "(SELECT 1) UNION ALL (SELECT 2)", "START TRANSACTION"])
    func `what locks nothing has waited for other members`(text: String) {
        #expect(explains(text) && explains(text, tried: .zero) && explains(text, .prepare))
        #expect(!explains(text, code: .deadlock))
    }

    @Test(arguments: ["SELECT id FROM facts FOR UPDATE", "SELECT id FROM facts LOCK IN SHARE MODE"])
    func `what locks rows has waited for other members if it fails sooner than a wait for a row, or is not begun`(
        text: String
    ) {
        #expect(explains(text, tried: .milliseconds(499)) && explains(text, .prepare))
        #expect(!explains(text, tried: .milliseconds(500)))
    }

    @Test(arguments: ["UPDATE facts SET id = 1", "SET STATEMENT innodb_lock_wait_timeout = 0 FOR SELECT 1 FOR UPDATE"])
    func `what writes waits for rows`(text: String) {
        #expect(!explains(text, tried: .zero))
    }
}

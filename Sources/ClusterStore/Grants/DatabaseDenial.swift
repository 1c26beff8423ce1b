import MariaDB

/// A refusal of the database's server for lack of a password or a right, read from its words.
///
/// Pure.
package struct DatabaseDenial: Sendable, Hashable {
    /// The thing that a user has no right to.
    package enum Subject: Sendable, Hashable {
        case login
        /// Anything in the schema, which need not exist.
        case schema(String)
        /// A table, a column of it, or a procedure.
        case object(String, column: String?, verb: String)
        /// Something of the whole server, in the server's words.
        case server(String)
    }

    /// The user, and the host that it comes from: `'clusterops_reader'@'10.0.0.7'`; nil where the server names none.
    package let account: String?
    /// The thing that was refused.
    package let subject: Subject

    /// Reads an error; nil when it is about something else, or worded in a way that is not known.
    package init?(_ error: DatabaseError) {
        let words = error.reason
        account = words.firstMatch(of: /'[^']*'@'[^']*'/).map { String($0.output) }
        switch error.code {
        case .accessDenied, .accessDeniedWithoutPassword:
            subject = .login
        case .accessDeniedToDatabase:
            guard let name = words.firstMatch(of: /to database '([^']*)'/)?.output.1 else { return nil }
            subject = .schema(String(name))
        case .accessDeniedToTable, .accessDeniedToColumn, .accessDeniedToRoutine:
            guard let verb = words.firstMatch(of: /: ([\w ,]+) command denied/)?.output.1,
                let name = words.firstMatch(of: /(\w+)[`']$/)?.output.1
            else { return nil }
            let column = words.firstMatch(of: /for column '(\w+)'/)?.output.1
            subject = .object(String(name), column: column.map(String.init), verb: verb.uppercased())
        case .accessDeniedToServer:
            guard let right = words.firstMatch(of: /the (.+) privilege/)?.output.1 else { return nil }
            subject = .server(String(right))
        default:
            return nil
        }
    }

    /// The roles whose users may do what was refused: those of people, or of daemons where no person's may.
    package var roles: [DatabaseRole] {
        let people: Set<DatabaseRole> = [.reader, .enqueuer, .operator, .migrator]
        let able = DatabaseRole.allCases.filter { $0.rights.contains(where: allows) }
        let ablePeople = able.filter(people.contains)
        return ablePeople.isEmpty ? able : ablePeople
    }

    private func allows(_ right: DatabaseRight) -> Bool {
        switch subject {
        case .login, .schema:
            return false
        case .server(let words):
            return words.contains(right.words) && right == .process
        case .object(let name, let column, let verb):
            if case .define(let word) = right { return verb == word }
            guard right.object == name, verb == right.words.prefix(while: { $0 != " " }) else { return false }
            guard let column, let limit = right.columns, !limit.isEmpty else { return true }
            return limit.contains(column)
        }
    }

    /// The refusal, with what can be done about it.
    package var sentence: String {
        let user = "the database's user" + (account.map { " \($0)" } ?? "")
        return switch subject {
        case .login:
            "the database refused the login of \(account ?? "its user"): check database.user, database.password_file, "
                + "the host that this user may come from, and database.tls.mode if it may come by TLS only"
        case .schema(let name):
            "\(user) has no right on the schema '\(name)', if there is one: as the server's administrator, pipe the "
                + "output of 'clusterctl db grants ROLE' to 'mariadb'"
        case .object(let name, let column, let verb):
            "\(user) lacks the right \(verb) on \(column.map { "\($0) of " } ?? "")\(name)\(hint)"
        case .server(let words):
            "\(user) lacks the right \(words)\(hint)"
        }
    }

    private var hint: String {
        let names = roles.map(\.rawValue)
        guard let last = names.last else { return "" }
        let list = names.count == 1 ? last : names.dropLast().joined(separator: ", ") + " or " + last
        return ", which takes the role \(list)"
    }
}

/// The rights that a user has, as the server says; pure.
package struct HeldRights: Sendable, Hashable {
    /// On the whole schema, or everywhere.
    package var everywhere: Set<String> = []
    /// By table.
    package var tables: [String: Set<String>] = [:]
    /// By verb and table, the columns that it is held for: `INSERT`, `UPDATE`.
    package var columns: [String: [String: Set<String>]] = [:]
    /// The procedures that may be called.
    package var procedures: Set<String> = []

    /// Returns whether a right is held, by whatever way it was granted.
    package func contains(_ right: DatabaseRight) -> Bool {
        if let procedure = right.procedure, procedures.contains(procedure) { return true }
        guard let table = right.table else { return everywhere.contains(right.words) }
        let word = right.words.prefix { $0 != " " }
        if everywhere.contains(String(word)) || tables[table]?.contains(String(word)) == true { return true }
        guard let needed = right.columns, !needed.isEmpty else { return false }
        return columns[String(word)]?[table]?.isSuperset(of: needed) == true
    }

    /// The role that the user is there for, and what it lacks for it; nothing when it has all that one role needs.
    ///
    /// That is the nearest of the roles that could do everything it can: an operator who lacks one right is no
    /// reader. Who can do more than any one role is told of the nearest of all.
    package var nearest: (role: DatabaseRole, missing: [DatabaseRight]) {
        let roles = DatabaseRole.allCases.filter { $0 != .migrator }
        let held = Set(roles.flatMap(\.rights)).filter(contains)
        let covering = roles.filter { role in held.allSatisfy(HeldRights(role.rights).contains) }
        let lacking = (covering.isEmpty ? roles : covering).map { role in
            (role: role, missing: role.rights.filter { !contains($0) })
        }
        guard let nearest = lacking.min(by: { $0.missing.count < $1.missing.count }) else {
            preconditionFailure("there are roles")
        }
        return (nearest.role, nearest.missing.sorted { ($0.object ?? "", $0.rank) < ($1.object ?? "", $1.rank) })
    }
}

extension HeldRights {
    /// Creates the rights that a role's user holds.
    package init(_ rights: some Sequence<DatabaseRight>) {
        for right in rights {
            let word = String(right.words.prefix { $0 != " " })
            if let procedure = right.procedure {
                procedures.insert(procedure)
            } else if let table = right.table {
                if let named = right.columns, !named.isEmpty {
                    columns[word, default: [:]][table, default: []].formUnion(named)
                } else {
                    tables[table, default: []].insert(word)
                }
            } else {
                everywhere.insert(right.words)
            }
        }
    }
}

/// What a user may do, as the server says; pure.
struct HeldRights: Sendable, Hashable {
    /// On the whole schema, or everywhere.
    var everywhere: Set<String> = []
    /// By table.
    var tables: [String: Set<String>] = [:]
    /// By table and column, the columns that may be changed.
    var changedColumns: [String: Set<String>] = [:]

    /// Whether a right is held, by whatever way it was granted.
    func contains(_ right: DatabaseRight) -> Bool {
        guard let table = right.table else { return everywhere.contains(right.words) }
        let word = right.words.prefix { $0 != " " }
        if everywhere.contains(String(word)) || tables[table]?.contains(String(word)) == true { return true }
        guard case .update(_, let columns) = right, !columns.isEmpty else { return false }
        return changedColumns[table]?.isSuperset(of: columns) == true
    }

    /// The role that the user is there for, and what it lacks for it; nothing when it has all that one role needs.
    ///
    /// That is the nearest of the roles that could do everything it can: an operator who lacks one right is no reader. Who can
    /// do more than any one role is told of the nearest of all.
    var nearest: (role: DatabaseRole, missing: [DatabaseRight]) {
        let roles = DatabaseRole.allCases.filter { $0 != .migrator }
        let held = Set(roles.flatMap(\.rights)).filter(contains)
        let covering = roles.filter { role in held.allSatisfy(HeldRights(role.rights).contains) }
        let lacking = (covering.isEmpty ? roles : covering).map { role in
            (role: role, missing: role.rights.filter { !contains($0) })
        }
        guard let nearest = lacking.min(by: { $0.missing.count < $1.missing.count }) else {
            preconditionFailure("there are roles")
        }
        return (nearest.role, nearest.missing.sorted { ($0.table ?? "", $0.rank) < ($1.table ?? "", $1.rank) })
    }
}

extension HeldRights {
    /// What a role's user holds.
    init(_ rights: some Sequence<DatabaseRight>) {
        for right in rights {
            switch (right, right.table) {
            case (.update(_, let columns), let table?) where !columns.isEmpty:
                changedColumns[table, default: []].formUnion(columns)
            case (.update, let table?): tables[table, default: []].insert("UPDATE")
            case (_, let table?): tables[table, default: []].insert(right.words)
            case (_, nil): everywhere.insert(right.words)
            }
        }
    }
}

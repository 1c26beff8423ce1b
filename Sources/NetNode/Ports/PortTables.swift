import ClusterModel

extension BridgeTableName {
    /// The part of the rules of ports that this table is made from: while that is the same, so is the table.
    func part(of rules: [VNI: PortRules]) -> [VNI: PortRules] {
        switch self {
        case .ports: rules.mapValues { $0.isOpen ? .open($0.vni) : $0 }
        case .sources: rules.filter { $0.value.isOpen }
        }
    }

    /// The batch that makes the table anew; see ``PortTable`` and ``SourceTable``.
    func script(_ rules: [VNI: PortRules], _ counts: [String: TrafficCount]) -> String {
        switch self {
        case .ports: PortTable.script(rules.values, counts)
        case .sources: SourceTable.script(rules.values, counts)
        }
    }

    /// The sets and maps whose elements only we change.
    var fixedSets: [String] {
        switch self {
        case .ports: PortTable.fixedSets
        case .sources: SourceTable.fixedSets
        }
    }
}

/// The tables of ports as they were made, and whether the kernel can be believed to have them still; pure.
struct PortTables: Sendable {
    /// A table as it was made.
    struct Made: Sendable {
        let rules: [VNI: PortRules]
        /// The kernel's number for it, which a table that is made anew does not have.
        let handle: UInt64?
        /// Its contents right after; nil when others changed rules in that moment, so that they may not be ours.
        let contents: [UInt8]?
    }

    private var made: [BridgeTableName: Made] = [:]
    /// Those that are to be made anew although it is not known that somebody has changed them.
    private var uncertain: Set<BridgeTableName> = []
    /// The number of times that somebody has changed one of the tables.
    private(set) var changes = 0
    /// The times at which events that would have told of changes were lost, and those of them after which the tables
    /// were compared.
    private var (losses, examined) = (0, 0)

    /// A Boolean value that indicates whether events were lost since the tables were last compared.
    var isInDoubt: Bool { losses != examined }

    /// The rules from which a table was made; nil for one that was not, or that others have changed.
    func rules(of name: BridgeTableName) -> [VNI: PortRules]? { made[name]?.rules }

    /// The names of the tables that were made.
    var names: Set<BridgeTableName> { Set(made.keys) }

    /// Notes that somebody has changed one of the tables.
    mutating func noteChange() {
        made = [:]
        changes += 1
    }

    /// Notes that somebody may have changed them.
    mutating func noteLoss() { losses += 1 }

    /// Notes what the kernel has of the tables.
    ///
    /// - Parameters:
    ///   - contents: of all that there were.
    ///   - before: the tables as they were when this was read.
    mutating func note(_ contents: [BridgeTableName: [UInt8]], after before: PortTables) {
        examined = before.losses
        // Those that were made anew meanwhile are not the ones that were read.
        for (name, table) in made where table.handle == before.made[name]?.handle {
            guard let wanted = table.contents else {
                uncertain.insert(name)
                continue
            }
            if contents[name] != wanted { made[name] = nil }
        }
    }

    /// Notes that a table was made, unless somebody has changed one since.
    ///
    /// - Parameters:
    ///   - table: as it was made.
    ///   - name: of the table.
    ///   - changes: the number of them before it was made.
    mutating func note(_ table: Made, of name: BridgeTableName, after changes: Int) {
        guard changes == self.changes else { return }
        made[name] = table
        uncertain.remove(name)
    }

    /// The tables that were made and that the kernel does not have as they were.
    func damaged(in survey: HostSurvey) -> Set<BridgeTableName> {
        Set(BridgeTableName.allCases.filter { made[$0]?.handle == nil || made[$0]?.handle != survey.tables[$0] })
    }

    /// The tables that are to be made, so that the kernel has those of the rules.
    func due(for rules: [VNI: PortRules], in survey: HostSurvey) -> Set<BridgeTableName> {
        damaged(in: survey).union(uncertain)
            .union(BridgeTableName.allCases.filter { made[$0]?.rules != $0.part(of: rules) })
    }

    /// The networks whose rules differ from those of the tables; nil for all, where a table is not as it was made.
    func differences(from rules: [VNI: PortRules], in survey: HostSurvey) -> Set<VNI>? {
        guard damaged(in: survey).isEmpty, uncertain.isEmpty else { return nil }
        var found: Set<VNI> = []
        for name in BridgeTableName.allCases {
            let (have, wanted) = (made[name]?.rules ?? [:], name.part(of: rules))
            found.formUnion(Set(have.keys).union(wanted.keys).filter { have[$0] != wanted[$0] })
        }
        return found
    }
}

import ClusterModel
import MariaDB

/// The statement that looks up what requests name.
package enum AdmissionStatements {
    /// The names of some requests, each once.
    package struct Names: Sendable {
        package var tasks: [TaskName]
        package var networks: [NetworkName]
        package var nodes: [NodeName]
        package var interfaces: [InterfaceID]

        package init(
            tasks: [TaskName],
            networks: [NetworkName],
            nodes: [NodeName],
            interfaces: [InterfaceID]
        ) {
            self.tasks = tasks
            self.networks = networks
            self.nodes = nodes
            self.interfaces = interfaces
        }

        /// Takes the first of each kind out, as many as one statement may name.
        fileprivate mutating func takePage() -> Names {
            func take<Element>(_ all: inout [Element]) -> [Element] {
                let page = Array(all.prefix([Element].longestList))
                all.removeFirst(page.count)
                return page
            }
            return Names(
                tasks: take(&tasks),
                networks: take(&networks),
                nodes: take(&nodes),
                interfaces: take(&interfaces)
            )
        }
    }

    /// The things with these names that there are.
    package struct Found: Sendable {
        /// The definitions that count, several of a name where nodes do not agree.
        package fileprivate(set) var definitions: [TaskDefinition] = []
        package fileprivate(set) var networks: [NetworkName: NetworkID] = [:]
        package fileprivate(set) var nodes: [NodeName: NodeID] = [:]
        package fileprivate(set) var interfaces: Set<InterfaceID> = []
    }

    /// Looks names up; without any there is no statement.
    package static func found(_ names: Names, on session: borrowing Session) throws -> Found {
        var (rest, found) = (names, Found())
        while let query = query(rest.takePage()) {
            for row in try session.query(query) {
                switch try row.get("subject", as: String.self) {
                case "network": found.networks[try row.get("name")] = try row.get("id")
                case "node": found.nodes[try row.get("name")] = try row.get("id")
                case "interface": found.interfaces.insert(try row.get("id"))
                default: found.definitions.append(try TaskStatements.definition(row))
                }
            }
        }
        found.definitions = try TaskStatements.settled(found.definitions, on: session)
        return found
    }

    /// Returns the statement that looks names up; nil without any.
    static func query(_ names: Names) -> SQL? {
        var branches: [SQL] = []
        if !names.tasks.isEmpty {
            // Apart, so that one entry of the index is read for each definition, and not one for each node.
            branches.append(
                """
                SELECT 'task' AS subject, d.name, NULL AS id, d.kind, d.coalescible, d.max_attempts,
                    d.timeout_microseconds
                FROM (\(sql: TaskStatements.definitionsQuery(names.tasks))) AS d
                """
            )
        }
        if !names.networks.isEmpty {
            branches.append(
                """
                SELECT 'network' AS subject, w.name, w.id, NULL AS kind, NULL AS coalescible, NULL AS max_attempts,
                    NULL AS timeout_microseconds
                FROM networks AS w WHERE w.name IN (\(list: names.networks))
                """
            )
        }
        if !names.nodes.isEmpty {
            branches.append(
                """
                SELECT 'node' AS subject, n.name, n.id, NULL AS kind, NULL AS coalescible, NULL AS max_attempts,
                    NULL AS timeout_microseconds
                FROM nodes AS n WHERE n.name IN (\(list: names.nodes))
                """
            )
        }
        if !names.interfaces.isEmpty {
            branches.append(
                """
                SELECT 'interface' AS subject, NULL AS name, i.id, NULL AS kind, NULL AS coalescible,
                    NULL AS max_attempts, NULL AS timeout_microseconds
                FROM interfaces AS i WHERE i.id IN (\(list: names.interfaces))
                """
            )
        }
        return branches.isEmpty ? nil : .joined(branches, separator: " UNION ALL ")
    }
}

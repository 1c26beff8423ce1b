import ClusterModel
import MariaDB

/// The witnesses of a leader and its own node, as the lease's row names them in one text.
struct WitnessNames: Sendable {
    let nodes: Set<NodeID>

    init(_ nodes: Set<NodeID>) {
        self.nodes = nodes
    }

    /// Parses ids with a space between each two.
    ///
    /// - Throws: `ValueError` when one of them is none.
    init(_ text: String) throws(ValueError) {
        var nodes: Set<NodeID> = []
        for id in text.split(separator: " ") { nodes.insert(try NodeID(String(id))) }
        self.nodes = nodes
    }
}

extension WitnessNames: SQLConvertible {
    /// The ids with a space between each two, in order.
    var sqlValue: SQLValue { .text(nodes.map(\.description).sorted().joined(separator: " ")) }

    init(sqlValue: SQLValue) throws(SQLConversionError) {
        let text = try String(sqlValue: sqlValue)
        do throws(ValueError) { try self.init(text) } catch {
            throw SQLConversionError(reason: "expected \(error.expected)")
        }
    }
}

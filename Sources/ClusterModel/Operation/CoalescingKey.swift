/// The identity of coalescible work: two waiting operations with equal keys are done by one execution.
///
/// It names the task and the whole target. A key without the node let one node's execution complete another node's work
/// in a system that we learned from.
package struct CoalescingKey: Sendable, Hashable, CustomStringConvertible {
    /// The length of the longest key, which is a task and three ids; the column is wider, so that nothing is ever cut.
    package static let longest = TaskName.longest + 3 * 37

    package let description: String

    package init(_ definition: TaskDefinition, _ target: OperationPlan.ResolvedTarget) {
        let network = target.network?.id.description
        let node = definition.kind == .network ? nil : target.node?.id.description
        let interface = definition.kind == .command ? target.interface?.description : nil
        description = "\(definition.name) \(network ?? "-") \(node ?? "-") \(interface ?? "-")"
        precondition(description.utf8.count <= Self.longest, "the column would not hold it")
    }

    /// Creates a key from the text of another, as a row holds it.
    package init(text: String) {
        description = text
    }
}

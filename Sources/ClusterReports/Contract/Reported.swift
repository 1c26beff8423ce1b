import ClusterEngine

/// A record of which the contract has a document.
package protocol Reported: Sendable {
    /// The type of the document.
    associatedtype View: Codable & Sendable

    /// The record as commands print it.
    var view: View { get }
}

extension Changed where Object: Reported {
    /// The object with the operations, as commands print them.
    package var view: ChangedView<Object.View> { ChangedView(object.view, operations: operations) }
}

extension Array where Element: Reported {
    /// The list as commands print it.
    package var view: ListView<Element.View> { ListView(map(\.view)) }
}

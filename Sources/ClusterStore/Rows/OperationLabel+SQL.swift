import ClusterModel
import MariaDB

extension OperationLabel {
    /// The labels of an operation whose `id` the statement around it reads, as one JSON object; NULL when it has none.
    ///
    /// One probe of the primary key for each operation that is read.
    static let column: SQL = """
        (SELECT JSON_OBJECTAGG(l.name, l.value) FROM operation_labels AS l WHERE l.operation = id) AS labels
        """

    /// A condition on an operation whose `id` the statement around it reads: it has this label.
    ///
    /// A scalar subquery is one probe for each operation; the optimizer makes a join of an EXISTS, and reads all
    /// labels.
    var isCarried: SQL {
        """
        (SELECT l.value FROM operation_labels AS l FORCE INDEX (PRIMARY)
        WHERE l.operation = id AND l.name = \(name)) = \(value)
        """
    }

    /// The same condition, by which the operations are found from the labels' index.
    var leadsTo: SQL {
        """
        id IN (
            SELECT l.operation FROM operation_labels AS l FORCE INDEX (operations_by_label)
            WHERE l.name = \(name) AND l.value = \(value))
        """
    }
}

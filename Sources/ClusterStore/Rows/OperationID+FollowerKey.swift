import ClusterModel

extension OperationID {
    /// The value of `lookup_key` by which the followers of the operation are found.
    ///
    /// No identity of waiting work begins with a plus sign, as a task's name does not.
    var followerKey: String { "+\(self)" }
}

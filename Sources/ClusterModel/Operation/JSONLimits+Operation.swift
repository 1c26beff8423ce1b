extension JSONLimits {
    /// Of an operation's parameters.
    package static let parameters = JSONLimits(
        bytes: OperationRequest.longestParameters,
        levels: OperationRequest.deepestParameters
    )
    /// Of a result: one level more than parameters, so that a command may print the operation that it was given.
    package static let result = JSONLimits(
        bytes: OperationOutcome.longestResult,
        levels: OperationRequest.deepestParameters + 1
    )
}

import ClusterOpsTestKit

extension TestCluster {
    /// Starts `top` on a pseudo-terminal.
    func top(
        _ arguments: [String] = ["--interval", "200ms"],
        environment: [String: String] = [:],
        reads: Bool = true
    ) throws -> PseudoTerminal {
        try PseudoTerminal(
            try BuiltProduct.path("clusterctl"),
            ["top"] + arguments,
            environment: ClusterCtlProgram.environment(for: configuration)
                .merging(["TERM": "xterm"].merging(environment) { _, own in own }) { _, new in new },
            reads: reads
        )
    }
}

import ArgumentParser
import ClusterOps

extension DatabaseRole: ExpressibleByArgument {}

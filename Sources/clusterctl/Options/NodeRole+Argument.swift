import ArgumentParser
import ClusterOps

extension NodeRole: ExpressibleByArgument {}

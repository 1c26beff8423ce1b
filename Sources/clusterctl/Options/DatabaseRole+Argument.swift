import ArgumentParser
import ClusterStore

extension DatabaseRole: ExpressibleByArgument {}

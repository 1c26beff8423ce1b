import ArgumentParser
import ClusterModel

extension NodeRole: ExpressibleByArgument {}

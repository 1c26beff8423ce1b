// A program that embeds the library imports it and no other of its targets.
@_exported import ClusterEngine
@_exported import ClusterModel
@_exported import ClusterReports
@_exported import DatabaseTime

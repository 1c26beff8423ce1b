// swift-tools-version: 6.2
import PackageDescription

/// The settings that every target of ours shares: Swift 6 language mode, warnings are errors, and the
/// upcoming features that make isolation and imports explicit.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),  // SE-0335
    .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),  // SE-0461
    .enableUpcomingFeature("InferIsolatedConformances"),  // SE-0470
]

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let metricsTestKit = Target.Dependency.product(name: "MetricsTestKit", package: "swift-metrics")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let collections = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")

let package = Package(
    name: "ClusterOps",
    products: [
        .library(name: "ClusterOps", targets: ["ClusterOps"]),
        .library(name: "MariaDB", targets: ["MariaDB"]),
        .executable(name: "clusterctl", targets: ["clusterctl"]),
        .executable(name: "queueworker", targets: ["queueworker-main"]),
        .executable(name: "netnode", targets: ["netnode-main"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .systemLibrary(name: "CMariaDB", pkgConfig: "libmariadb", providers: [.apt(["libmariadb-dev"])]),
        .target(
            name: "MariaDB",
            dependencies: ["CMariaDB", log, lifecycle, collections],
            swiftSettings: strict + [.strictMemorySafety()]
        ),
        .target(
            name: "ClusterOps",
            dependencies: ["MariaDB", log, metrics, lifecycle, unixSignals, collections, nioCore, nioPosix, "Yams"],
            resources: [.embedInCode("Migrations/SQL")],
            swiftSettings: strict
        ),
        .target(name: "Exposition", dependencies: [coreMetrics], swiftSettings: strict),
        .target(
            name: "DaemonFace",
            dependencies: ["ClusterOps", "Exposition", "MariaDB", hummingbird, coreMetrics, lifecycle, log, nioCore],
            swiftSettings: strict
        ),
        .target(name: "CSpawn"),
        .target(name: "ChildProcess", dependencies: ["CSpawn"], swiftSettings: strict + [.strictMemorySafety()]),
        .executableTarget(name: "childprocess-probe", dependencies: ["ChildProcess"], swiftSettings: strict),
        .target(
            name: "QueueWorker",
            dependencies: ["ClusterOps", "ChildProcess", "DaemonFace", "MariaDB", arguments, lifecycle, log],
            swiftSettings: strict
        ),
        .target(name: "CNetlink"),
        .target(
            name: "NetNode",
            dependencies: [
                "ClusterOps", "ChildProcess", "CNetlink", "CSpawn", "DaemonFace", "Exposition", "MariaDB", arguments,
                coreMetrics, lifecycle, log, metrics, nioPosix,
            ],
            swiftSettings: strict
        ),
        .executableTarget(name: "netnode-main", dependencies: ["NetNode", arguments], swiftSettings: strict),
        .executableTarget(name: "queueworker-main", dependencies: ["QueueWorker", arguments], swiftSettings: strict),
        .target(name: "Measurement", dependencies: [histogram], swiftSettings: strict),
        .executableTarget(
            name: "clusterctl",
            dependencies: ["ClusterOps", "Measurement", arguments, log, unixSignals],
            swiftSettings: strict
        ),
        .target(
            name: "ClusterOpsTestKit",
            dependencies: ["ClusterOps", "ChildProcess", "MariaDB", log],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "clusterops-hammer",
            dependencies: ["ClusterOpsTestKit", arguments],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "clusterops-bench-engine",
            dependencies: [
                "ChildProcess", "ClusterOpsTestKit", "ClusterOps", "MariaDB", "Measurement", "clusterctl", arguments,
                lifecycle, log,
            ],
            path: "Benchmarks/Engine",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "clusterops-bench-mesh",
            dependencies: ["ClusterOpsTestKit", "ClusterOps", "MariaDB", "NetNode", arguments, log],
            path: "Benchmarks/Mesh",
            swiftSettings: strict
        ),
        .testTarget(
            name: "ExpositionTests",
            dependencies: ["Exposition", "ClusterOpsTestKit", coreMetrics],
            swiftSettings: strict
        ),
        .testTarget(
            name: "DaemonFaceTests",
            dependencies: [
                "DaemonFace", "Exposition", "ClusterOps", "ClusterOpsTestKit", "MariaDB", "queueworker-main",
                "netnode-main", log, lifecycle,
            ],
            swiftSettings: strict
        ),
        .testTarget(name: "MariaDBTests", dependencies: ["MariaDB", "ClusterOpsTestKit"], swiftSettings: strict),
        .testTarget(
            name: "QueueWorkerTests",
            dependencies: ["ClusterOps", "ClusterOpsTestKit", "MariaDB", "queueworker-main"],
            swiftSettings: strict
        ),
        .testTarget(name: "TestKitTests", dependencies: ["ClusterOpsTestKit", "ChildProcess"], swiftSettings: strict),
        .testTarget(
            name: "NetNodeTests",
            dependencies: ["NetNode", "netnode-main", "ClusterOps", "ClusterOpsTestKit", "ChildProcess", "MariaDB"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "EngineTests",
            dependencies: ["ClusterOps", "ClusterOpsTestKit", log, lifecycle, metricsTestKit],
            swiftSettings: strict
        ),
        .testTarget(
            name: "EmbeddingTests",
            dependencies: ["ClusterOps", "MariaDB", "ClusterOpsTestKit", log, lifecycle],
            // It sees what another package sees.
            packageAccess: false,
            swiftSettings: strict
        ),
        .testTarget(
            name: "ClusterCtlTests",
            dependencies: ["clusterctl", "ChildProcess", "ClusterOps", "ClusterOpsTestKit", "MariaDB", arguments],
            swiftSettings: strict
        ),
        .testTarget(
            name: "DeployTests",
            dependencies: [
                "clusterctl", "queueworker-main", "netnode-main", "ChildProcess", "ClusterOps", "ClusterOpsTestKit",
                "MariaDB",
                log,
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ChildProcessTests",
            dependencies: ["ChildProcess", "childprocess-probe"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ClusterOpsTests",
            dependencies: ["ClusterOps", "ClusterOpsTestKit", log, lifecycle],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "daemon-probe",
            dependencies: ["ClusterOps", log, lifecycle],
            swiftSettings: strict
        ),
        .testTarget(
            name: "DaemonTests",
            dependencies: ["ClusterOps", "ClusterOpsTestKit", "daemon-probe", log, lifecycle],
            swiftSettings: strict
        ),
    ]
)

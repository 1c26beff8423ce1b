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
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")

/// Our own library, for tests, benchmarks and the test kit, which look into every part of it.
let library: [Target.Dependency] = [
    "ClusterDaemon", "ClusterEngine", "ClusterModel", "ClusterOps", "ClusterReports", "ClusterStore", "DatabaseTime",
    "MariaDB",
]

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
        // For 'swift package generate-documentation' only; nothing is built of it otherwise.
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
    ],
    targets: [
        .systemLibrary(name: "CMariaDB", pkgConfig: "libmariadb", providers: [.apt(["libmariadb-dev"])]),
        .target(
            name: "MariaDB",
            dependencies: ["CMariaDB", "DatabaseTime", log, lifecycle, deque],
            swiftSettings: strict + [.strictMemorySafety()]
        ),
        .target(name: "DatabaseTime", swiftSettings: strict),
        .target(name: "ClusterModel", dependencies: ["DatabaseTime"], swiftSettings: strict),
        .target(
            name: "ClusterStore",
            dependencies: ["ClusterModel", "DatabaseTime", "MariaDB"],
            resources: [.embedInCode("Migrations/SQL")],
            swiftSettings: strict
        ),
        .target(
            name: "ClusterEngine",
            dependencies: [
                "ClusterModel", "ClusterStore", "DatabaseTime", "MariaDB", heap, lifecycle, log, metrics,
                nioCore,
                nioPosix,
            ],
            swiftSettings: strict
        ),
        .target(
            name: "ClusterReports",
            dependencies: ["ClusterEngine", "ClusterModel", "ClusterStore", "DatabaseTime", "MariaDB"],
            swiftSettings: strict
        ),
        .target(
            name: "ClusterDaemon",
            dependencies: ["ClusterEngine", "ClusterModel", "MariaDB", "Yams", lifecycle, log, unixSignals],
            swiftSettings: strict
        ),
        .target(
            name: "ClusterOps",
            dependencies: [
                "ClusterEngine", "ClusterModel", "ClusterReports", "DatabaseTime", "MariaDB", lifecycle, log,
            ],
            swiftSettings: strict
        ),
        .target(name: "Exposition", dependencies: [coreMetrics], swiftSettings: strict),
        .target(
            name: "DaemonFace",
            dependencies: [
                "ClusterDaemon", "ClusterEngine", "ClusterModel", "ClusterReports", "Exposition", "MariaDB",
                hummingbird, coreMetrics, lifecycle, log, nioCore,
            ],
            swiftSettings: strict
        ),
        .target(name: "CSpawn"),
        .target(name: "ChildProcess", dependencies: ["CSpawn"], swiftSettings: strict + [.strictMemorySafety()]),
        .executableTarget(name: "childprocess-probe", dependencies: ["ChildProcess"], swiftSettings: strict),
        .target(
            name: "QueueWorker",
            dependencies: [
                "ChildProcess", "ClusterDaemon", "ClusterEngine", "ClusterModel", "ClusterReports", "DaemonFace",
                "MariaDB", arguments, lifecycle, log,
            ],
            swiftSettings: strict
        ),
        .target(name: "CNetlink"),
        .target(
            name: "NetNode",
            dependencies: [
                "ChildProcess", "ClusterDaemon", "ClusterEngine", "ClusterModel", "ClusterStore", "CNetlink", "CSpawn",
                "DaemonFace", "Exposition", "MariaDB", arguments, coreMetrics, lifecycle, log, metrics, nioPosix,
            ],
            swiftSettings: strict
        ),
        .executableTarget(name: "netnode-main", dependencies: ["NetNode", arguments], swiftSettings: strict),
        .executableTarget(name: "queueworker-main", dependencies: ["QueueWorker", arguments], swiftSettings: strict),
        .target(name: "Measurement", dependencies: [histogram], swiftSettings: strict),
        .executableTarget(
            name: "clusterctl",
            dependencies: [
                "ClusterDaemon", "ClusterEngine", "ClusterModel", "ClusterReports", "ClusterStore", "DatabaseTime",
                "Measurement", "Yams", arguments, log, unixSignals,
            ],
            swiftSettings: strict
        ),
        .target(
            name: "ClusterOpsTestKit",
            dependencies: library + ["ChildProcess", log],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "clusterops-hammer",
            dependencies: ["ClusterEngine", "ClusterOpsTestKit", arguments],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "guest-attack",
            dependencies: ["ClusterModel", "ClusterOpsTestKit", arguments],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "clusterops-bench-engine",
            dependencies: library + [
                "ChildProcess", "ClusterOpsTestKit", "Measurement", "clusterctl", arguments, lifecycle, log,
            ],
            path: "Benchmarks/Engine",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "clusterops-bench-mesh",
            dependencies: library + ["ClusterOpsTestKit", "NetNode", arguments, log],
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
            dependencies: library + [
                "DaemonFace", "Exposition", "ClusterOpsTestKit", "queueworker-main", "netnode-main", log, lifecycle,
            ],
            swiftSettings: strict
        ),
        .testTarget(name: "MariaDBTests", dependencies: ["MariaDB", "ClusterOpsTestKit"], swiftSettings: strict),
        .testTarget(
            name: "QueueWorkerTests",
            dependencies: library + ["ChildProcess", "QueueWorker", "ClusterOpsTestKit", "queueworker-main"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "TestKitTests",
            dependencies: library + ["ClusterOpsTestKit", "ChildProcess"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "NetNodeTests",
            dependencies: library + [
                "NetNode", "clusterctl", "queueworker-main", "netnode-main", "ClusterOpsTestKit", "ChildProcess",
                "CNetlink",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "EngineTests",
            dependencies: library + ["ClusterOpsTestKit", log, lifecycle, metricsTestKit],
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
            dependencies: library + ["clusterctl", "ChildProcess", "ClusterOpsTestKit", arguments],
            swiftSettings: strict
        ),
        .testTarget(
            name: "DeployTests",
            dependencies: library + [
                "clusterctl", "queueworker-main", "netnode-main", "ChildProcess", "ClusterOpsTestKit", log,
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ChildProcessTests",
            dependencies: ["ChildProcess", "childprocess-probe"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ClusterModelTests",
            dependencies: library + ["ClusterOpsTestKit"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ClusterReportsTests",
            dependencies: library + ["ClusterOpsTestKit"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "HouseRuleTests",
            dependencies: library + ["ClusterOpsTestKit"],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "daemon-probe",
            dependencies: ["ClusterDaemon", "ClusterEngine", log, lifecycle],
            swiftSettings: strict
        ),
        .testTarget(
            name: "DaemonTests",
            dependencies: library + ["ClusterOpsTestKit", "daemon-probe", log, lifecycle],
            swiftSettings: strict
        ),
    ]
)

// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

// Tests omit strict memory safety and the features that restrict imports.
let tests: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
]

let package = Package(
    name: "snap",
    products: [.executable(name: "snap", targets: ["snap"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    ],
    targets: [
        // The parts from the bottom up. Each may import only the parts above it in this list.
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CISAL", providers: [.apt(["libisal-dev"])]),
        .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CDeflate", providers: [.apt(["libdeflate-dev"])]),
        .systemLibrary(name: "CXXHash", providers: [.apt(["libxxhash-dev"])]),
        .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
        .target(name: "CStreamDrain"),
        // Loads libvirt by dlopen(3); neither its headers nor its libraries are needed to build.
        .target(name: "CLibvirt"),
        .target(
            name: "SnapSystem",
            dependencies: [
                "CLinux", "CStreamDrain", .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict),
        .target(name: "WorkPipeline", dependencies: ["SnapSystem"], swiftSettings: strict),
        .target(
            name: "GuestMemory",
            dependencies: ["SnapSystem", .product(name: "SystemPackage", package: "swift-system")],
            swiftSettings: strict),
        .target(
            name: "Codecs",
            dependencies: ["GuestMemory", "SnapSystem", "CZlib", "CISAL", "CZstd"],
            swiftSettings: strict),
        .target(
            name: "SavevmFormat",
            dependencies: ["Codecs", "GuestMemory", "SnapSystem", "CXXHash"],
            swiftSettings: strict),
        .target(
            name: "MigrationStream",
            dependencies: [
                "Codecs", "GuestMemory", "WorkPipeline", "SnapSystem", "CDeflate",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict),
        .target(
            name: "Libvirt",
            dependencies: [
                "CLibvirt", "SnapSystem",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict),
        .target(
            name: "QEMUMonitor",
            dependencies: [
                "Libvirt", "GuestMemory", "SnapSystem",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict),
        .target(
            name: "CheckpointIndex",
            dependencies: [
                "GuestMemory", "SnapSystem", "CSQLite",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            resources: [.embedInCode("schema")],
            swiftSettings: strict),
        .target(
            name: "LiveGuest",
            dependencies: [
                "QEMUMonitor", "Libvirt", "MigrationStream", "GuestMemory", "WorkPipeline",
                "SnapSystem",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict),
        .target(
            name: "CheckpointStore",
            dependencies: [
                "CheckpointIndex", "SavevmFormat", "GuestMemory", "WorkPipeline", "SnapSystem",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict),
        .target(
            name: "SnapEngine",
            dependencies: [
                "CheckpointStore", "LiveGuest", "CheckpointIndex", "SavevmFormat",
                "MigrationStream", "Codecs", "GuestMemory", "WorkPipeline", "SnapSystem",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "snap",
            dependencies: [
                "SnapEngine", "MigrationStream", "Codecs", "GuestMemory", "WorkPipeline",
                "SnapSystem",
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            resources: [.embedInCode("completions")],
            swiftSettings: strict),
        .target(
            name: "TestSupport",
            dependencies: ["CZlib", .product(name: "SystemPackage", package: "swift-system")],
            path: "Tests/TestSupport", swiftSettings: tests),
        .testTarget(
            name: "SnapSystemTests",
            dependencies: [
                "SnapSystem", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "WorkPipelineTests",
            dependencies: ["WorkPipeline", "SnapSystem", "TestSupport"],
            swiftSettings: tests),
        .testTarget(
            name: "GuestMemoryTests",
            dependencies: [
                "GuestMemory", "SnapSystem", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "CodecsTests",
            dependencies: [
                "Codecs", "GuestMemory", "SnapSystem", "TestSupport", "CZlib", "CZstd",
            ],
            swiftSettings: tests),
        .testTarget(
            name: "SavevmFormatTests",
            dependencies: [
                "SavevmFormat", "Codecs", "GuestMemory", "SnapSystem", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "MigrationStreamTests",
            dependencies: [
                "MigrationStream", "GuestMemory", "WorkPipeline", "SnapSystem", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "CheckpointStoreTests",
            dependencies: [
                "CheckpointStore", "CheckpointIndex", "SavevmFormat", "GuestMemory",
                "WorkPipeline", "SnapSystem", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "SnapEngineTests",
            dependencies: [
                "SnapEngine", "CheckpointStore", "CheckpointIndex", "SavevmFormat",
                "MigrationStream", "Codecs", "GuestMemory", "WorkPipeline", "SnapSystem",
                "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "CheckpointIndexTests",
            dependencies: [
                "CheckpointIndex", "GuestMemory", "SnapSystem", "TestSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "QEMUMonitorTests",
            dependencies: [
                "QEMUMonitor", "SnapSystem", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "LiveGuestTests",
            dependencies: [
                "LiveGuest", "QEMUMonitor", "MigrationStream", "GuestMemory", "WorkPipeline",
                "SnapSystem", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: tests),
        // These tests run the command as a process, so they depend on the executable. Saves with
        // chosen times run in the process of the tests.
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "snap", "SnapEngine", "GuestMemory", "WorkPipeline", "SnapSystem", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: tests),
        .testTarget(name: "StyleTests", swiftSettings: tests),
    ]
)

// The program of `make bench` that reads stored pages without the command.
if Context.environment["SNAP_BENCH"] != nil {
    package.products.append(.executable(name: "random-reads", targets: ["RandomReads"]))
    package.targets.append(
        .executableTarget(
            name: "RandomReads",
            dependencies: [
                "SavevmFormat", "GuestMemory", "SnapSystem",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "bench/RandomReads",
            swiftSettings: tests + [.unsafeFlags(["-parse-as-library"])]))
}

// The fuzzers of `make fuzz`. Only this build is instrumented.
if Context.environment["SNAP_FUZZ"] != nil {
    let flags = ["-sanitize=fuzzer,address"]
    for target in package.targets
    where ["SnapSystem", "WorkPipeline", "GuestMemory", "Codecs", "MigrationStream"]
        .contains(target.name)
    {
        target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(flags)]
    }
    package.targets.append(.systemLibrary(name: "CFuzzer", path: "Fuzz/CFuzzer"))
    let fuzzers: [(product: String, target: String, dependencies: [Target.Dependency])] = [
        (
            "fuzz-stream", "FuzzStream",
            ["MigrationStream", .product(name: "SystemPackage", package: "swift-system")]
        ),
        (
            "fuzz-save-files", "FuzzSaveFiles",
            ["MigrationStream", .product(name: "SystemPackage", package: "swift-system")]
        ),
        ("fuzz-clusters", "FuzzClusters", ["Codecs", "CZlib", "CZstd"]),
    ]
    for fuzzer in fuzzers {
        package.products.append(.executable(name: fuzzer.product, targets: [fuzzer.target]))
        package.targets.append(
            .executableTarget(
                name: fuzzer.target,
                dependencies: fuzzer.dependencies
                    + ["GuestMemory", "SnapSystem", "TestSupport", "CFuzzer"],
                path: "Fuzz/\(fuzzer.target)",
                swiftSettings: tests + [.unsafeFlags(flags + ["-parse-as-library"])],
                linkerSettings: [.unsafeFlags(flags + ["-use-ld=lld"])]))
    }
}

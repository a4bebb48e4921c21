// swift-tools-version: 6.2
import Foundation
import PackageDescription

// One executable over a stack of small libraries. A target may import only targets of lower floors; the table in
// ARCHITECTURE.md says what each floor is for and Tests/ArchitectureTests holds it.

// Benchmarks need libvterm to compare with; fuzzers need the sanitizer's driver. Neither belongs in an ordinary build.
let benchmarking = Context.environment["ROOST_BENCH"] != nil
let fuzzing = Context.environment["ROOST_FUZZ"] != nil

let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

// A fuzzer finds its way only through code that was compiled to tell it where it went.
let instrumented: [SwiftSetting] = fuzzing ? [.unsafeFlags(["-sanitize=fuzzer,address"])] : []

func library(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
  .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict + instrumented)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func fuzzer(_ name: String, _ dependencies: [Target.Dependency], path: String) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies + ["FuzzDriver"], path: path,
    swiftSettings: strict + instrumented + [.unsafeFlags(["-parse-as-library"])],
    linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address"])])
}

// What every upper floor may use.
let base: [Target.Dependency] = ["Causality", "Metrics", "Formats", "Sys", "Net", "Store"]

var targets: [Target] = [
  // Floor 0: the C side.
  .target(name: "CSys"),
  .systemLibrary(name: "CUV"),
  .systemLibrary(name: "CHTTPParser"),
  .systemLibrary(name: "CCrypto"),
  .systemLibrary(name: "CSQLite"),
  .systemLibrary(name: "CZstd"),
  .systemLibrary(name: "CPCRE2"),
  .target(name: "CTOML"),

  // Floor 0.
  library("TerminalEngine"),
  library("Formats", ["CPCRE2", "CTOML"]),
  library("Sys", ["CSys"]),
  library("Causality"),
  library("Metrics"),
  library("Net", ["CUV", "CHTTPParser", "CCrypto", "Sys", "Formats"]),
  library("Store", ["CSQLite", "CCrypto", "CZstd", "Sys", "Formats"]),

  // Floor 1. The keeper is a process of its own, and what talks to it.
  library("Keeper", ["Net", "Sys", "Store"]),
  library("Sessions", ["TerminalEngine", "Keeper"] + base),
  library("Events", base),
  library("Cluster", base),

  // Floor 2.
  library("Operations", ["Events", "Cluster", "TerminalEngine"] + base),

  // Floor 3.
  library("Surfaces", ["Operations", "Cluster"] + base),
  library("Domains", ["Operations", "Sessions", "Events", "Cluster", "TerminalEngine"] + base),

  // Floor 4.
  library("Commands", ["Surfaces", "Domains", "Operations", "Keeper", "Sessions", "Events", "Cluster"] + base),
  .executableTarget(name: "roost", dependencies: ["Commands", "Sessions"], swiftSettings: strict),

  // Tests.
  .target(
    name: "TestKit", dependencies: ["Net", "Sys", "Formats", "Store"], path: "Tests/TestKit", swiftSettings: strict),
  // What must hold for any bytes, said once for the property tests and the fuzzer.
  .target(
    name: "TerminalInvariants", dependencies: ["TerminalEngine"], path: "Fuzz/Invariants",
    swiftSettings: strict),
  // The tables of the documentation, as tests hold them.
  .target(
    name: "ReferencePages", dependencies: ["Operations", "Formats", "Store"], path: "Tests/ReferencePages",
    swiftSettings: strict),
  tests("TerminalEngineTests", ["TerminalEngine", "TerminalInvariants"]),
  tests("FormatsTests", ["Formats"]),
  tests("SysTests", ["Sys", "TestKit"]),
  tests("NetTests", ["Net", "Sys"]),
  tests("StoreTests", ["Store"]),
  tests("MetricsTests", ["Metrics"]),
  tests("EventsTests", ["Events", "Net", "Sys", "Store", "Formats", "Causality", "TestKit"]),
  // A process that the tests kill.
  .executableTarget(
    name: "event-appender", dependencies: ["Events"], path: "Tests/EventAppender",
    swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]),
  tests("KeeperTests", ["Keeper", "Net", "Sys", "TestKit"]),
  tests("SessionsTests", ["Sessions", "Formats", "TerminalEngine", "Net", "Sys", "Store", "TestKit"]),
  tests("ClusterTests", ["Cluster", "Causality", "Net", "Sys", "Store", "Formats", "TestKit"]),
  tests(
    "OperationsTests",
    ["Operations", "Cluster", "Keeper", "Sessions", "Events", "Causality", "Net", "Store", "Formats", "TestKit"]),
  tests(
    "DomainsTests",
    ["Domains", "Operations", "Cluster", "Sessions", "Events", "Causality", "Net", "Store", "Formats", "TestKit"]),
  tests(
    "SurfacesTests",
    [
      "Surfaces", "Domains", "Operations", "ReferencePages", "Keeper", "Sessions", "Events", "Cluster", "Causality",
      "TerminalEngine",
      "Net", "Sys",
      "Formats", "TestKit", "Store",
    ]),
  tests(
    "CommandsTests",
    ["Commands", "Domains", "Operations", "Sessions", "Cluster", "Events", "Formats", "Net", "Store", "Sys", "TestKit"]),
  tests("ArchitectureTests", []),
  tests(
    "RoostTests",
    ["TestKit", "Domains", "Surfaces", "Operations", "Cluster", "Net", "Store", "Sys", "Formats", "TerminalEngine"]),
]

if benchmarking {
  targets += [
    .executableTarget(
      name: "directory-bench",
      dependencies: ["Cluster", "Formats", "Keeper", "Net", "Domains", "Operations", "Sessions", "Store", "Sys"],
      path: "Benchmarks/Directory", swiftSettings: strict),
    .systemLibrary(name: "CVTerm", path: "Benchmarks/CVTerm"),
    .executableTarget(
      name: "engine-bench", dependencies: ["TerminalEngine", "CVTerm", "CZstd"], path: "Benchmarks/Engine",
      swiftSettings: strict),
    .executableTarget(
      name: "events-bench", dependencies: ["Events", "Net", "CSQLite"], path: "Benchmarks/Events",
      exclude: ["probes", "events.py"], swiftSettings: strict),
  ]
}
if fuzzing {
  targets += [
    .target(name: "FuzzDriver", path: "Fuzz/Driver", swiftSettings: strict),
    fuzzer("fuzz-terminal", ["TerminalEngine", "TerminalInvariants"], path: "Fuzz/Terminal"),
    fuzzer("fuzz-net", ["Net"], path: "Fuzz/Net"),
    fuzzer("fuzz-link", ["Cluster", "Formats"], path: "Fuzz/Link"),
    fuzzer("fuzz-config", ["Cluster", "Formats"], path: "Fuzz/Config"),
    fuzzer("fuzz-events", ["Events", "Formats", "Sys"], path: "Fuzz/Events"),
  ]
}

let package = Package(
  name: "roost",
  products: [.executable(name: "roost", targets: ["roost"])],
  targets: targets,
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu11,
  cxxLanguageStandard: .cxx17
)

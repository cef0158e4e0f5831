// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

/// Every module but QuantKernels: a pointer there is a compile error unless the line says `unsafe`.
let pointerFree = strict + [.strictMemorySafety()]

/// Numeric Swift is optimised in debug builds too, so that `swift test` stays quick.
let numeric: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// Contraction stays off: where a fused multiply-add is meant, the source says so.
let kernelC: [CSetting] = [
  .unsafeFlags(["-O3", "-ffp-contract=off", "-Wall", "-Wextra"]),
  .define("_GNU_SOURCE"),
  .define("QK_OPENMP", .when(traits: ["OpenMP"])),
  .treatAllWarnings(as: .error),
]

let package = Package(
  name: "tripost",
  platforms: [.macOS(.v26)],
  products: [
    .executable(name: "tripost", targets: ["TriPosTCLI"]),
    .library(name: "TriPosT", targets: ["TriPosT"]),
    .library(name: "LoRA", targets: ["LoRA"]),
    .library(name: "Llama", targets: ["Llama"]),
    .library(name: "GGUF", targets: ["GGUF"]),
  ],
  traits: [
    .trait(
      name: "OpenMP",
      description: "The kernels' threads come from libomp, not from a pool of the project's own.")
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
  ],
  targets: [
    .target(
      name: "CBoundary",
      cSettings: [.define("_GNU_SOURCE"), .treatAllWarnings(as: .error)]),
    .target(
      name: "Boundary", dependencies: ["CBoundary"], swiftSettings: pointerFree + numeric),
    .target(name: "GGUF", dependencies: ["Boundary"], swiftSettings: pointerFree + numeric),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .target(
      name: "CQuantKernels", cSettings: kernelC,
      linkerSettings: [
        .linkedLibrary("omp5", .when(platforms: [.linux], traits: ["OpenMP"])),
        .linkedLibrary("m", .when(platforms: [.linux])),
      ]),
    .target(
      name: "QuantKernels",
      dependencies: [
        "Boundary", "GGUF", "CQuantKernels",
        .target(name: "COpenBLAS", condition: .when(platforms: [.linux])),
      ],
      swiftSettings: strict + numeric,
      linkerSettings: [.linkedFramework("Accelerate", .when(platforms: [.macOS]))]),
    .target(
      name: "Llama", dependencies: ["Boundary", "GGUF", "QuantKernels"],
      swiftSettings: pointerFree + numeric),
    .target(
      name: "LoRA", dependencies: ["Boundary", "GGUF", "QuantKernels", "Llama"],
      swiftSettings: pointerFree + numeric),
    .target(
      name: "TriPosT",
      dependencies: [
        "Boundary", "GGUF", "QuantKernels", "Llama", "LoRA",
        .product(name: "Yams", package: "Yams"),
      ],
      resources: [.embedInCode("Prompts")],
      swiftSettings: pointerFree),
    // HTTP alone, so that the rest builds without it.
    .target(
      name: "EndpointHTTP", dependencies: ["Boundary", "TriPosT"], swiftSettings: pointerFree),
    .target(
      name: "TriPosTReport", dependencies: ["Boundary", "TriPosT"], swiftSettings: pointerFree),
    .executableTarget(
      name: "TriPosTCLI",
      dependencies: [
        "Boundary", "GGUF", "QuantKernels", "Llama", "LoRA", "TriPosT", "EndpointHTTP",
        "TriPosTReport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: pointerFree),

    .target(
      name: "TestSupport", dependencies: ["Boundary", "GGUF", "QuantKernels", "Llama"],
      path: "Tests/TestSupport", swiftSettings: strict),
    .testTarget(
      name: "BoundaryTests", dependencies: ["Boundary", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "GGUFTests", dependencies: ["GGUF", "Boundary", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "QuantKernelsTests",
      dependencies: ["QuantKernels", "CQuantKernels", "GGUF", "Boundary", "TestSupport"],
      exclude: ["eight_bit_moments.json"], swiftSettings: strict),
    .testTarget(
      name: "LlamaTests",
      dependencies: ["Llama", "QuantKernels", "GGUF", "Boundary", "TestSupport"],
      exclude: ["chat_templates.json"], swiftSettings: strict),
    .testTarget(
      name: "LoRATests",
      dependencies: ["LoRA", "Llama", "QuantKernels", "GGUF", "Boundary", "TestSupport"],
      exclude: ["PEFTTraces"], swiftSettings: strict),
    .testTarget(
      name: "TriPosTTests",
      dependencies: [
        "TriPosT", "EndpointHTTP", "TriPosTReport", "LoRA", "Llama", "QuantKernels", "GGUF",
        "Boundary",
        "TestSupport",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "CommandTests",
      dependencies: ["TriPosTCLI", "GGUF", "Boundary", "TestSupport"], swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu17
)

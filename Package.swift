// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target: plain async functions stay on their caller's executor (the event loop),
/// imports are exactly the declared dependencies, and a warning is an error.
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("ExistentialAny"),
  .treatAllWarnings(as: .error),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil
) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: dependencies + ["TestSupport"], resources: resources,
    swiftSettings: settings)
}

let package = Package(
  name: "lockstep",
  products: [
    .executable(name: "lockstep", targets: ["lockstep"]),
    .library(name: "MigrationEngine", targets: ["MigrationEngine"]),
  ],
  targets: [
    .systemLibrary(
      name: "CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
    .systemLibrary(
      name: "CNcurses", providers: [.apt(["libncurses-dev"]), .brew(["ncurses"])]),
    .systemLibrary(
      name: "CPgQuery", providers: [.apt(["libpg-query-dev"]), .brew(["libpg_query"])]),
    .systemLibrary(
      name: "CCrypto", pkgConfig: "libcrypto",
      providers: [.apt(["libssl-dev"]), .brew(["openssl"])]),
    .target(name: "CPosix"),

    library("Diagnostics"),
    library("JSON"),
    .target(
      name: "PostgresModel", dependencies: ["Diagnostics", "CPgQuery"], swiftSettings: settings,
      // Linked in where an archive is at hand: as a shared library its relocations would be paid at
      // every start, and its name changes with every release of the system.
      linkerSettings: [
        .linkedLibrary(":libpg_query.a", .when(platforms: [.linux])),
        .linkedLibrary("pg_query", .when(platforms: [.macOS])),
      ]),
    library("EventLoop", ["Diagnostics", "CPosix"]),
    library("Postgres", ["PostgresModel", "EventLoop", "Diagnostics", "CLibpq"]),
    library("MigrationModel", ["PostgresModel", "Diagnostics", "CCrypto"]),
    library(
      "MigrationEngine",
      [
        "MigrationModel", "Postgres", "PostgresModel", "EventLoop", "Diagnostics", "JSON", "CPosix",
      ]),
    library("Canvas", ["CPosix"]),
    .target(
      name: "Terminal", dependencies: ["Canvas", "EventLoop", "Diagnostics", "CNcurses", "CPosix"],
      swiftSettings: settings,
      // As with the parser: commands without a screen would pay for finding and binding them as well.
      linkerSettings: [
        .linkedLibrary(":libncursesw.a", .when(platforms: [.linux])),
        .linkedLibrary(":libtinfo.a", .when(platforms: [.linux])),
        .linkedLibrary("ncursesw", .when(platforms: [.macOS])),
      ]),
    library("Dashboard", ["Canvas", "MigrationModel", "PostgresModel", "Diagnostics"]),
    .executableTarget(
      name: "lockstep",
      dependencies: [
        "Dashboard", "Terminal", "Canvas", "MigrationEngine", "MigrationModel", "Postgres",
        "PostgresModel", "EventLoop", "Diagnostics", "JSON", "CPosix",
      ],
      swiftSettings: settings),

    .systemLibrary(
      name: "CVterm", path: "Tests/CVterm", pkgConfig: "vterm",
      providers: [.apt(["libvterm-dev"]), .brew(["libvterm"])]),
    .target(
      name: "TestSupport",
      dependencies: [
        "CVterm", "CPosix", "Canvas", "MigrationEngine", "MigrationModel", "Postgres",
        "PostgresModel", "EventLoop", "Diagnostics",
      ],
      path: "Tests/TestSupport", swiftSettings: settings),
    tests("Diagnostics", ["Diagnostics"]),
    tests("JSON", ["JSON"]),
    tests("PostgresModel", ["PostgresModel", "Diagnostics"]),
    tests("EventLoop", ["EventLoop"]),
    tests("Postgres", ["Postgres", "PostgresModel", "EventLoop", "Diagnostics"]),
    tests("MigrationModel", ["MigrationModel", "PostgresModel", "Diagnostics"]),
    tests(
      "MigrationEngine",
      [
        "MigrationEngine", "MigrationModel", "Postgres", "PostgresModel", "EventLoop",
        "Diagnostics",
      ]
    ),
    tests(
      "Interop",
      [
        "MigrationEngine", "MigrationModel", "Postgres", "PostgresModel", "EventLoop",
        "Diagnostics",
      ]
    ),
    tests("Canvas", ["Canvas"]),
    tests("Terminal", ["Terminal", "Canvas", "Diagnostics"]),
    tests("Dashboard", ["Dashboard", "Canvas", "MigrationModel", "PostgresModel", "Diagnostics"]),
    tests(
      "Lockstep",
      [
        "lockstep", "Dashboard", "Canvas", "MigrationEngine", "MigrationModel", "Postgres",
        "PostgresModel", "EventLoop", "Diagnostics", "JSON",
      ]),
  ],
  swiftLanguageModes: [.v6]
)

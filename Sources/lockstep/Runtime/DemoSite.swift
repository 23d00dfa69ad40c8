import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What the demonstration shows: a database with some of the sample migrations applied, and the folder with
/// copies of all of them.
struct DemoSite: Sendable {
  static let database = "demo"

  var url: String
  var target: ConnectionString
  var project: Project

  /// The site in the folder of a private cluster.
  init(in cluster: PrivateCluster) throws {
    url = cluster.url(database: DemoSite.database)
    target = try ConnectionString(url)
    let root = cluster.directory + "/project"
    project = Project(directories: [root + "/migrations"], layout: "sqlx", root: root)
  }

  /// Makes the database and fills it, unless that was done the last time.
  ///
  /// - Parameter say: Told what comes next, in words.
  func prepare(
    in cluster: PrivateCluster, loop: EventLoop, say: @Sendable (String) -> Void
  ) async throws {
    guard try await makeDatabase(in: cluster, loop) else { return }
    say(
      "applying the first \(DemoData.appliedMigrations) of \(DemoMigrations.count) sample migrations"
    )
    try writeFiles()
    try await applyFirst(loop)
    say("filling in rows")
    let connection = try await Connection.open(target, application: "lockstep demo", loop: loop)
    try await connection.execute(DemoData.rows)
    try await connection.execute("COMMENT ON DATABASE \(DemoSite.database) IS '\(DemoSite.seal)'")
  }

  /// Stands as the database's comment once everything is in it.
  private static let seal = "demonstration of Lockstep"

  /// Returns whether the database is new and empty; one that was not finished is made again.
  private func makeDatabase(in cluster: PrivateCluster, _ loop: EventLoop) async throws -> Bool {
    let connection = try await Connection.open(
      try ConnectionString(cluster.url(database: "postgres")), application: "lockstep demo",
      loop: loop)
    let seals = try await connection.rows(
      Query(
        """
        SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database
        WHERE datname = $1
        """, [DemoSite.database]
      ) { $0.optionalString(0) })
    if seals == [DemoSite.seal] { return false }
    if !seals.isEmpty { try await connection.execute("DROP DATABASE \(DemoSite.database)") }
    try await connection.execute("CREATE DATABASE \(DemoSite.database)")
    return true
  }

  /// Copies: what is edited or made in the demonstration touches nobody's project.
  private func writeFiles() throws {
    for folder in [project.root] + project.directories {
      guard mkdir(folder, 0o755) == 0 || errno == EEXIST else { throw unwritable(folder) }
    }
    for (name, text) in DemoMigrations.files {
      let path = "\(project.directories[0])/\(name)"
      let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
      defer { close(file) }
      let bytes = Array(text.utf8)
      guard file >= 0, write(file, bytes, bytes.count) == bytes.count else {
        throw unwritable(path)
      }
    }
  }

  private func unwritable(_ path: String) -> Refusal {
    Refusal(
      .error(
        code: "no_folder", "\"\(path)\" cannot be written: \(String(cString: strerror(errno)))",
        next: "check the free space and set TMPDIR to a folder that can be written to"))
  }

  /// Through the same engine as everything else, so that the history is what it would be anywhere.
  private func applyFirst(_ loop: EventLoop) async throws {
    let connection = try await Connection.open(target, application: "lockstep demo", loop: loop)
    let loaded = try await project.load(try await project.readFiles(), from: connection)
    let context = PlanContext()
    let plan = Plan.make(
      .up(to: nil, count: DemoData.appliedMigrations, allowOutOfOrder: false),
      status: loaded.status, layout: loaded.layout, context: context)
    let outcome = try await Runner(project: project, target: target, loop: loop).run(
      plan, context: context, report: { _ in })
    switch outcome {
    case .finished: return
    case .failed(let diagnostic, _, _), .interrupted(let diagnostic, _, _):
      throw Refusal(diagnostic)
    case .refused(let diagnostics):
      throw Refusal(diagnostics.first ?? DemoSite.unapplied)
    case .stale, .busy, .declined: throw Refusal(DemoSite.unapplied)
    }
  }

  private static let unapplied = Diagnostic.error(
    code: "demo_not_prepared", "the sample migrations could not be applied",
    next: "nothing was left behind; try again")
}

import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel
import TestSupport
import Testing

/// Rehearses one migration with probes.
struct ProbeFixture {
  /// What is in the database before.
  var base = "create table users (id int primary key, name text)"
  var server = TestServer.shared
  /// Who rehearses; `nil` for the server's superuser.
  var user: String?

  /// Rehearses SQL, and returns what was tried.
  ///
  /// - Parameter isOutside: Run outside a transaction.
  func report(
    _ up: String, down: String = "select 1;", isOutside: Bool = false,
    probes: [any ScratchProbe] = Rehearsal.standardProbes
  ) async throws -> RehearsalReport {
    let folder = TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    let option = isOutside ? " transaction:false" : ""
    folder.write(
      "migrations/1_a.sql", "-- migrate:up\(option)\n\(up)\n-- migrate:down\(option)\n\(down)\n")
    let database = try await server.makeDatabase()
    if !base.isEmpty { try await database.execute(base) }
    let (path, url) = (folder.path, database.url)
    return try await onLoop { [user] loop in
      var target = try ConnectionString(url)
      if let user { target["user"] = user }
      var rehearsal = Rehearsal(
        project: Project(directories: ["\(path)/migrations"], layout: "dbmate", root: path),
        target: target, loop: loop)
      rehearsal.probes = probes
      return try await rehearsal.run { _ in }
    }
  }

  /// What was tried of the migration, which has to apply; without the rows that every rehearsal tries.
  func trials(
    _ up: String, isOutside: Bool = false, probes: [any ScratchProbe] = Rehearsal.standardProbes
  ) async throws -> [Trial] {
    let report = try await report(up, isOutside: isOutside, probes: probes)
    let migration = try #require(report.migrations.first)
    #expect(migration.applies == true, "\(String(describing: migration.error))")
    return try #require(migration.trials).filter { $0.proof != .rollback }
  }
}

extension [Trial] {
  /// What became of the trial with this subject; `nil` where there is none.
  func outcome(_ subject: String) -> Trial.Outcome? { first { $0.subject == subject }?.outcome }

  /// Everything that was said, for a test that fails.
  var words: String {
    map { trial in
      (["\(trial.subject): \(trial.outcome.words)"]
        + trial.evidence.map { "    [\($0.weight.rawValue)] \($0.text)" }).joined(separator: "\n")
    }.joined(separator: "\n")
  }
}

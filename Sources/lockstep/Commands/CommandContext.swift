import Diagnostics
import EventLoop
import MigrationEngine
import Postgres

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What a command reaches beside its arguments.
struct CommandContext: Sendable {
  var surroundings: Surroundings
  var output: Output
  var loop: EventLoop
  /// As other sessions see it: `lockstep status`.
  var application: String

  /// Reads and weighs the configuration, and gives libpq the variables that stand in `.env` alone.
  ///
  /// - Throws: `ConfigurationError`, `JSONReader.SyntaxError` or `EnvironmentFile.SyntaxError`.
  func settings(_ arguments: Arguments) throws -> ProjectSettings {
    let sources = try ConfigurationSources(surroundings)
    for (name, value) in sources.libpqVariables { setenv(name, value, 0) }
    let settings = try ProjectSettings(arguments, sources, layouts: ProjectSettings.layouts)
    for note in settings.notes { output.tell(note) }
    return settings
  }

  /// Opens a session with the database of the project; read-only where that was asked for.
  ///
  /// - Parameters:
  ///   - database: Another database of the same server.
  ///   - runnerOptions: Of a session in which migrations will run.
  /// - Throws: `DatabaseError.cannotConnect`; a `Refusal` with better advice where no database was named.
  func connect(
    _ settings: ProjectSettings, to database: String? = nil,
    for runnerOptions: Runner.Options? = nil
  ) async throws -> Connection {
    var target = settings.target.value
    if let database { target["dbname"] = database }
    if settings.waits, database == nil {
      _ = try await ServerWait(target: target, timeout: settings.waitTimeout.value).run(in: self)
    }
    do {
      return try await Connection.open(
        target, application: application,
        settings: settings.sessionSettings + (runnerOptions?.sessionSettings ?? []), loop: loop)
    } catch {
      throw settings.advising(error)
    }
  }

  /// Refuses what would write while nothing may be written.
  ///
  /// - Throws: `Refusal`.
  func requireWritable(_ settings: ProjectSettings) throws(Refusal) {
    guard settings.isReadOnly else { return }
    throw Refusal(
      .error(
        code: "read_only", "this would write, and --read-only was given",
        next: "leave out --read-only; nothing was done"))
  }
}

extension ProjectSettings {
  /// The same error, with what helps where nobody has said which database is meant.
  func advising(_ error: DatabaseError) -> any Explainable {
    guard let connectionAdvice, case .cannotConnect = error else { return error }
    var diagnostic = error.diagnostic
    diagnostic.next = connectionAdvice
    return Refusal(diagnostic)
  }

  /// Settings of every session that does not run migrations.
  var sessionSettings: [(name: String, value: String)] {
    isReadOnly ? [("default_transaction_read_only", "on")] : []
  }
}

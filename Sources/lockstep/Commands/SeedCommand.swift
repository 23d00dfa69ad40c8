import Diagnostics
import Postgres
import PostgresModel

/// `lockstep seed`: the rows that an environment begins with.
struct SeedCommand: Command {
  let name = "seed"
  let summary = "run db/seeds/ENV.sql in one transaction"
  let operands = Operands(
    usage: "[ENV]", minimum: 0, maximum: 1, inWords: "at most one environment")
  let discussion = [
    "ENV names the file: development, test, production, or one of your own; without it, it is the "
      + "environment of --env, else development. The database is the one that every command uses "
      + "(--url, --env, DATABASE_URL). All of the file runs in one transaction: it takes effect whole "
      + "or not at all.",
    "A production database, and any protected one, is seeded only with --yes or after typing its name.",
  ]
  let examples = [
    CommandExample("lockstep seed", "db/seeds/development.sql into the database of DATABASE_URL"),
    CommandExample("lockstep seed test -e test", "the test seeds into the test database"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    let settings = try context.settings(arguments)
    try context.requireWritable(settings)
    let file = try seedFile(arguments, settings, context)
    let statements = try checkedStatements(of: file)
    let connection = try await context.connect(settings)
    try await confirm(arguments, settings, connection, file, context)
    let rows = try await run(file, statements, connection)
    if context.output.isJSON {
      context.output.print([
        "file": .string(file.path), "statements": JSONValue(statements.count),
        "rows": JSONValue(rows),
      ])
    } else {
      context.output.say(
        "ran \(file.path): \(counted(statements.count, "statement")), \(counted(Int(rows), "row")) changed"
      )
    }
    return .done
  }

  private struct SeedFile {
    var path: String
    var sql: String
  }

  private func seedFile(
    _ arguments: Arguments, _ settings: ProjectSettings, _ context: CommandContext
  ) throws -> SeedFile {
    let named = arguments.operands.first ?? settings.environment?.value ?? "development"
    guard !named.contains("/"), named != "..", named != "." else {
      throw UsageError.badOperand(named, command: name, expected: "the name of an environment")
    }
    let paths = ConnectionSettings.names(for: named).map {
      ConfigurationSources.path("db/seeds/\($0).sql", in: settings.root)
    }
    for path in paths {
      switch context.surroundings.read(path) {
      case .text(let sql): return SeedFile(path: path, sql: sql)
      case .absent: continue
      case .unreadable(let reason):
        throw ConfigurationError.unreadableFile(path: path, reason: reason)
      case .notText: throw ConfigurationError.notText(path: path)
      }
    }
    throw Refusal(
      .error(
        code: "no_seed_file", "there is no seed file for \"\(named)\"",
        at: SourceLocation(file: paths[0]), next: "write it there, or name another environment"))
  }

  /// - Throws: `Refusal` where a statement cannot be part of one transaction.
  private func checkedStatements(of file: SeedFile) throws -> [Statement] {
    let statements = SQLScript.statements(in: file.sql)
    for statement in statements {
      let reason: String? =
        switch statement.role {
        case .begin, .commit, .rollback, .twoPhase:
          "\(statement.command) would break the one transaction in which seeds run"
        case .notInTransaction(let words): "\(words) cannot run in a transaction"
        case .copyFromStandardInput: "COPY … FROM STDIN has no data here"
        case .psqlCommand(let words): "\(words) is a command of psql, not SQL"
        case .visibleAfterCommit, .sessionSetting, .ordinary: nil
        }
      guard let reason else { continue }
      throw Refusal(
        .error(
          code: "seed_not_runnable", reason,
          at: SourceLocation(file: file.path, line: statement.line),
          next: "take it out, or run the file with psql; nothing was run"))
    }
    return statements
  }

  private func confirm(
    _ arguments: Arguments, _ settings: ProjectSettings, _ connection: Connection, _ file: SeedFile,
    _ context: CommandContext
  ) async throws {
    guard settings.isProduction, !arguments.has(Options.yes) else { return }
    let environment = settings.environment?.value ?? settings.rules.name
    let what = "environment \"\(environment)\" would get the rows of \(file.path)"
    guard context.canAsk else { throw context.needsYes(what) }
    let isSure = try await context.confirm("\(what).", byTyping: connection.database)
    guard isSure else { throw context.declined() }
  }

  /// Runs the file between BEGIN and COMMIT.
  ///
  /// - Returns: Rows changed.
  private func run(
    _ file: SeedFile, _ statements: [Statement], _ connection: Connection
  ) async throws -> Int64 {
    try await connection.execute("BEGIN")
    do throws(DatabaseError) {
      let results = try await connection.execute(file.sql)
      try await connection.execute("COMMIT")
      return results.filter { !$0.tag.hasPrefix("SELECT") }.compactMap(\.rows).reduce(0, +)
    } catch {
      guard let server = error.serverError else { throw error }
      // The end of the session would do it too; this way the server's log stays quiet.
      _ = try? await connection.execute("ROLLBACK")
      throw Refusal(
        Diagnostic(
          .error, code: server.isCancellation ? "interrupted" : "sql_error",
          "seeding failed: \(server.message)", details: server.details,
          at: place(of: server, in: file).description,
          next: "correct the file and seed again; nothing of it was kept",
          sqlstate: server.sqlstate))
    }
  }

  private func place(of error: ServerError, in file: SeedFile) -> SourceLocation {
    guard let position = error.position else { return SourceLocation(file: file.path) }
    let before = file.sql.unicodeScalars.prefix(max(0, position - 1))
    let line = before.count { $0 == "\n" } + 1
    let lineStart = before.lastIndex(of: "\n").map { before.index(after: $0) } ?? before.startIndex
    return SourceLocation(
      file: file.path, line: line, column: before[lineStart...].count + 1)
  }
}
